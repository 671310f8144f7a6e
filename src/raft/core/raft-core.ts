import type { ConfState, Message, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import { checkTicks, type InitialState, type RaftConfig, type Ticks } from "./config.js";
import { startElection } from "./election.js";
import type { MachineStatus, MembershipChange, ProposalResult, RaftMachine } from "./machine.js";
import { statusOf } from "./machine-status.js";
import { type MemberId, NOBODY } from "./member-id.js";
import { confStateOf } from "./membership.js";
import { afterChange, leaveJointWhenDue, propose, proposeChange } from "./proposals.js";
import { RaftState } from "./raft-state.js";
import { askToRead } from "./reading.js";
import type { Progress, Ready, Role } from "./ready.js";
import { ReadyAssembly } from "./ready-assembly.js";
import { switchTo } from "./reconfiguration.js";
import { becomeFollower, drawElectionTimeout } from "./roles.js";
import { step } from "./stepping.js";
import { tick } from "./ticking.js";
import { beginTransfer } from "./transfer.js";

/** {@link RaftMachine}: the state of one member, and the functions that change it. */
export class RaftCore implements RaftMachine {
  readonly #raft: RaftState;
  readonly #assembly: ReadyAssembly;

  /** @throws RangeError, InvalidMembershipError when the configuration, or what the storage gave, contradicts itself */
  constructor(config: RaftConfig, initial: InitialState) {
    this.#raft = new RaftState(config, initial);
    becomeFollower(this.#raft, this.#raft.term, NOBODY);
    this.#assembly = new ReadyAssembly(this.#raft);
  }

  tick(): void {
    tick(this.#raft);
  }

  step(message: Message): void {
    step(this.#raft, message);
  }

  propose(data: Uint8Array): ProposalResult {
    return propose(this.#raft, data);
  }

  proposeMembershipChange(change: MembershipChange): ProposalResult {
    return proposeChange(this.#raft, change);
  }

  applyMembershipChange(change: MembershipChange | undefined): ConfState {
    const raft = this.#raft;
    if (change !== undefined) switchTo(raft, afterChange(raft.membership, change));
    return confStateOf(raft.membership);
  }

  readIndex(context: Uint8Array): boolean {
    return askToRead(this.#raft, context);
  }

  transferLeadership(to: MemberId): boolean {
    return beginTransfer(this.#raft, to);
  }

  campaign(): void {
    startElection(this.#raft, this.#raft.config.preVote ? "pre-election" : "election");
  }

  setTicks({ electionTicks, heartbeatTicks }: Ticks): void {
    const raft = this.#raft;
    if (electionTicks === raft.config.electionTicks && heartbeatTicks === raft.config.heartbeatTicks) return;
    checkTicks({ electionTicks, heartbeatTicks });
    raft.config = { ...raft.config, electionTicks, heartbeatTicks };
    drawElectionTimeout(raft);
  }

  forgetLeader(): void {
    const raft = this.#raft;
    // A leader that answers reads by its lease relies on its followers' loyalty.
    if (raft.role === "follower" && raft.config.readOnly !== "lease") raft.leader = NOBODY;
  }

  reportUnreachable(id: MemberId): void {
    const progress = this.#raft.tracker.get(id);
    // What is on its way is lost most likely: one message at a time, until an answer comes.
    if (progress?.state === "replicate" && id !== this.#raft.id) progress.becomeProbe();
  }

  reportSnapshot(id: MemberId, delivered: boolean): void {
    const progress = this.#raft.tracker.get(id);
    if (progress?.state !== "snapshot") return;
    if (!delivered) progress.pendingSnapshot = 0;
    progress.becomeProbe();
    // Its answer comes soon, or else a heartbeat's: no need to probe before.
    progress.flowPaused = true;
  }

  compact(snapshot: SnapshotMetadata, keepFrom: number): void {
    this.#raft.log.compact(snapshot, keepFrom);
  }

  get hasCommitNews(): boolean {
    return this.#raft.commitNews === "later";
  }

  tellCommit(): void {
    if (this.#raft.commitNews !== "later") return;
    this.#raft.commitNews = "now";
    this.#raft.isReplicationDue = true;
  }

  hasReady(): boolean {
    return this.#assembly.hasReady();
  }

  ready(): Ready | undefined {
    return this.#assembly.next();
  }

  advance({ persisted, applied }: Progress): void {
    if (persisted !== undefined) this.#assembly.persisted(persisted);
    if (applied !== undefined) {
      this.#raft.log.appliedTo(applied);
      leaveJointWhenDue(this.#raft);
    }
  }

  status(): MachineStatus {
    return statusOf(this.#raft);
  }

  get role(): Role {
    return this.#raft.role;
  }

  get term(): number {
    return this.#raft.term;
  }

  get leader(): MemberId {
    return this.#raft.leader;
  }

  get lastIndex(): number {
    return this.#raft.log.last;
  }

  get commit(): number {
    return this.#raft.log.committed;
  }

  get logBytes(): number {
    return this.#raft.log.bytes;
  }
}
