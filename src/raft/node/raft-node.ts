/** The shell around the core: brings time, disk, peers and the state machine to it, and what it decides to them. */
import type { ConfChange, Entry, Message, SnapshotMetadata } from "../../api/generated/raftpb/raft.js";
import type { Ticks } from "../core/config.js";
import { type MemberId, NOBODY } from "../core/member-id.js";
import { RaftCore } from "../core/raft-core.js";
import type { Transport } from "../transport/transport.js";
import { AppliedWaiters } from "./applied-waiters.js";
import { Applier } from "./applier.js";
import { type Booted, boot } from "./boot.js";
import { proposeChange } from "./change-proposals.js";
import { Contacts } from "./contacts.js";
import { Driver } from "./driver.js";
import { noLeader, notLeader, outcomeUnknown, refusal, stopped, wasRemoved } from "./errors.js";
import { Handover } from "./handover.js";
import { Inbox } from "./inbox.js";
import { LeadershipWatch } from "./leadership-watch.js";
import { Listeners } from "./listeners.js";
import { MembershipChanges } from "./membership-changes.js";
import { statusFrom } from "./node-status.js";
import type { RaftNodeOptions } from "./options.js";
import { PeerBook } from "./peer-book.js";
import { Proposals } from "./proposals.js";
import {
  type JoinOptions,
  type JoinResult,
  type Leadership,
  type Member,
  type Raft,
  RaftError,
  type RaftStatus,
  type SnapshotSettings,
} from "./raft.js";
import { ReadBarriers } from "./read-barriers.js";
import { Roster } from "./roster.js";
import { DEFAULT_SETTINGS, type RaftSettings } from "./settings.js";
import type { SnapshotResult } from "./snapshot-maker.js";
import { StateSnapshots } from "./state-snapshots.js";
import { Ticker } from "./ticker.js";
import { Wedge } from "./wedge.js";
import { Writer } from "./writer.js";

export class RaftNode<Local> implements Raft<Local> {
  readonly id: MemberId;
  readonly #options: RaftNodeOptions<Local>;
  readonly #settings: RaftSettings;
  readonly #core: RaftCore;
  readonly #roster = new Roster();
  readonly #proposals = new Proposals<Local>();
  readonly #reads: ReadBarriers;
  readonly #waiters = new AppliedWaiters();
  readonly #contacts = new Contacts();
  readonly #leadership: LeadershipWatch;
  readonly #handover: Handover;
  readonly #changes: MembershipChanges;
  readonly #wedge = new Wedge();
  readonly #writer: Writer;
  readonly #applier: Applier<Local>;
  readonly #driver: Driver;
  readonly #snapshots: StateSnapshots;
  readonly #ticker: Ticker;
  readonly #removalListeners: Listeners<readonly []>;
  readonly #failureListeners: Listeners<readonly [Error]>;
  #inbox: Inbox | undefined;
  #transport: Transport | undefined;
  #peers: PeerBook | undefined;
  #applied: number;
  #hasLed = false;
  #leaderlessTicks = 0;
  #ended: (() => RaftError) | undefined;
  #stopping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Takes up what the storage has, then the network. It may not have a leader yet, nor all that was written elsewhere.
   * @throws RaftStartError; RaftError removed; what the storage, the state machine and the request to join throw
   */
  static async start<Local>(options: RaftNodeOptions<Local>): Promise<RaftNode<Local>> {
    const settings = { ...DEFAULT_SETTINGS, ...options.settings };
    try {
      const booted = await boot(options, settings);
      const node = new RaftNode(options, settings, booted);
      await node.#open(booted);
      return node;
    } catch (error) {
      await Promise.allSettled([options.storage.close()]);
      throw error;
    }
  }

  private constructor(
    options: RaftNodeOptions<Local>,
    settings: RaftSettings,
    { identity, initial, foundation }: Booted,
  ) {
    const { storage, clock, random, stateMachine, log } = options;
    this.id = identity.id;
    this.#options = options;
    this.#settings = settings;
    this.#applied = initial.applied;
    this.#roster.restore(foundation.membership, foundation.confState);
    this.#core = new RaftCore({ ...settings, id: identity.id, random: () => random.next() }, initial);
    this.#reads = new ReadBarriers(this.#core, random, {
      retryTicks: Math.ceil(settings.electionTicks / 2),
      timeoutTicks: settings.readTimeoutTicks,
    });
    this.#leadership = new LeadershipWatch(this.#core, log);
    this.#removalListeners = new Listeners("removal", log);
    this.#failureListeners = new Listeners("failure", log);
    this.#handover = new Handover(this.#core, this.id);
    const failed = (error: unknown) => this.#fail(error);
    this.#ticker = new Ticker(clock, settings.tickMs, () => {
      try {
        this.#tick();
      } catch (error) {
        failed(error);
      }
    });
    const around = { self: this.id, storage, stateMachine, clock, core: this.#core, roster: this.#roster, settings };
    const inUse = () => this.#inbox?.openSnapshots ?? 0;
    const missed = (error: unknown) => log(`raft: no snapshot was made: ${(error as Error).message}`);
    this.#snapshots = new StateSnapshots({ ...around, inUse, missed }, initial.snapshot, initial.entries);
    const send = (messages: readonly Message[]) => this.#transport?.send(messages);
    this.#writer = new Writer(storage, {
      send,
      persisted: (sequence) => {
        this.#core.advance({ persisted: sequence });
        this.#driver.wakeNow();
      },
      failed,
    });
    this.#applier = new Applier(stateMachine, this.#proposals, clock, settings.sliceMs, {
      membership: (entry) => this.#applyMembership(entry),
      applied: (index, term, bytes) => this.#onApplied(index, term, bytes),
      restore: (metadata) => this.#restore(metadata),
      failed,
    });
    this.#driver = new Driver(this.#core, this.#writer, clock, {
      send,
      begin: () => this.#reads.pump(),
      toApply: ({ snapshot, committed }, installed) => {
        if (snapshot && installed) {
          this.#snapshots.supersede();
          this.#applier.snapshot(snapshot, installed);
        }
        this.#applier.entries(committed);
      },
      answered: (reads) => {
        for (const read of reads) this.#reads.answered(read, this.#applied);
      },
      end: () => {
        this.#applier.run();
        this.#look();
      },
      failed,
    });
    this.#changes = new MembershipChanges({
      self: this.id,
      core: this.#core,
      roster: this.#roster,
      settings,
      clock,
      random,
      probe: options.probe ?? (async () => undefined),
      log,
      assertLeading: () => this.#assertLeading(),
      propose: (change) => this.#proposeChange(change),
      isReachable: (id) => this.#isReachable(id),
      allKnowLearners: () => this.#transport?.peers().every(({ protocol }) => protocol !== "rpc") ?? true,
      transferLeadership: () => this.transferLeadership(),
      learnedAddress: (id) => this.#peers?.learnedAddress(id),
    });
  }

  get leadership(): Leadership {
    return this.#leadership.current;
  }

  get appliedIndex(): number {
    return this.#applied;
  }

  get nextIndex(): number | undefined {
    return this.#isLeading ? this.#core.lastIndex + 1 : undefined;
  }

  onLeadership(listener: (leadership: Leadership) => void): () => void {
    return this.#leadership.listen(listener);
  }

  onRemoved(listener: () => void): () => void {
    return this.#removalListeners.add(listener);
  }

  onFailure(listener: (error: Error) => void): () => void {
    return this.#failureListeners.add(listener);
  }

  propose(data: Uint8Array, local: Local): Promise<void> {
    this.#assertLeading();
    if (this.#proposals.size >= this.#settings.maxPendingProposals) throw refusal("busy");
    const result = this.#core.propose(data);
    if (!result.accepted) throw refusal(result.reason);
    this.#driver.wake();
    return this.#proposals.add(result.index, result.term, local);
  }

  async readBarrier(): Promise<void> {
    if (this.#ended) throw this.#ended();
    const done = this.#reads.wait();
    this.#driver.wakeNow();
    return done;
  }

  async whenApplied(index: number, timeoutMs: number): Promise<void> {
    if (this.#ended) throw this.#ended();
    if (index <= this.#applied) return;
    return this.#waiters.wait(index, Math.max(1, Math.ceil(timeoutMs / this.#ticker.tickMs)));
  }

  async join(nodeId: string, address: string, options: JoinOptions = {}): Promise<JoinResult> {
    return this.#changes.join(nodeId, address, options);
  }

  async removeMember(id: MemberId, { force = false }: { readonly force?: boolean } = {}): Promise<void> {
    return this.#changes.remove(id, force);
  }

  canRemove(id: MemberId): boolean {
    return this.#changes.canRemove(id);
  }

  untilRemovable(id: MemberId): Promise<boolean> {
    return this.#changes.untilRemovable(id);
  }

  members(): readonly Member[] {
    return this.#roster.members();
  }

  removedMembers(): readonly MemberId[] {
    return this.#roster.removed();
  }

  async transferLeadership(to?: MemberId): Promise<MemberId> {
    this.#assertLeading();
    const done = this.#handover.begin(to, (id) => this.#isReachable(id), 3 * this.#settings.electionTicks);
    this.#driver.wakeNow();
    return done;
  }

  async takeSnapshot(): Promise<SnapshotResult> {
    if (this.#ended) throw this.#ended();
    if (this.#applier.isRestoring) throw new RaftError("busy", "a snapshot of the leader's is being taken in");
    return this.#snapshots.take();
  }

  status(): RaftStatus {
    const { electionTicks, heartbeatTicks } = this.#settings;
    return statusFrom({
      machine: this.#core.status(),
      members: this.#roster.members(),
      peers: this.#transport?.peers() ?? [],
      log: this.#options.storage.stats(),
      leaderlessTicks: this.#leaderlessTicks,
      isReachable: (id) => this.#isReachable(id),
      tickMs: this.#ticker.tickMs,
      electionTicks,
      heartbeatTicks,
      missedTicks: this.#ticker.missed,
    });
  }

  setSnapshotSettings(settings: SnapshotSettings): void {
    // Whoever asks has the same object, and asks each time.
    Object.assign(this.#settings, settings);
  }

  setTicks(ticks: Ticks): void {
    const { electionTicks, heartbeatTicks } = ticks;
    this.#core.setTicks(ticks);
    Object.assign(this.#settings, { electionTicks, heartbeatTicks });
  }

  setTickMs(tickMs: number): void {
    this.#ticker.setTickMs(tickMs);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  get #isLeading(): boolean {
    return !this.#ended && this.#leadership.isLeading;
  }

  #isReachable(id: MemberId): boolean {
    return this.#contacts.isReachable(id, this.#settings.electionTicks);
  }

  /** @throws RaftError */
  #assertLeading(): void {
    if (this.#ended) throw this.#ended();
    if (!this.#leadership.isLeading) throw this.#core.leader === NOBODY ? noLeader() : notLeader();
  }

  /** Replays what the log has, and only then lets others know that this member is there. */
  async #open({ identity, initial }: Booted): Promise<void> {
    const { transport: makeTransport, address } = this.#options;
    await this.#replayed(Math.min(initial.hardState.commit, this.#core.commit));
    const self = { id: this.id, address };
    const inbox = new Inbox({
      self: this.id,
      core: this.#core,
      storage: this.#options.storage,
      contacts: this.#contacts,
      roster: this.#roster,
      removedBefore: new Set(identity.removed),
      newestSnapshot: () => this.#snapshots.newest,
      heardFrom: (id, from) => this.#peers?.heard(id, from),
      wake: () => this.#driver.wakeNow(),
      removed: () => this.#onRemoval("the other managers say so"),
      failed: (error) => this.#fail(error),
    });
    this.#inbox = inbox;
    this.#transport = makeTransport(self, inbox);
    this.#peers = new PeerBook(self, this.#transport);
    // A member that has just joined knows the others only from those who took it in.
    const members = this.#roster.raftMembers();
    for (const member of members.length > 0 ? members : identity.members) this.#peers.told(member);
    this.#ticker.start();
    const { voters, votersOutgoing } = this.#roster.confState;
    if (voters.length === 1 && voters[0] === this.id && votersOutgoing.length === 0) this.#core.campaign();
    this.#driver.wakeNow();
  }

  async #replayed(index: number): Promise<void> {
    if (index <= this.#applied) return;
    const done = this.#waiters.wait(index, Number.POSITIVE_INFINITY);
    const failed = new Promise<never>((_, reject) => {
      this.onFailure(reject);
    });
    this.#driver.wakeNow();
    await Promise.race([done, failed]);
    if (this.#ended) throw this.#ended();
  }

  #tick(): void {
    if (this.#ended) return;
    const { electionTicks } = this.#settings;
    this.#contacts.tick();
    this.#core.tick();
    this.#leaderlessTicks = this.#core.leader === NOBODY ? this.#leaderlessTicks + 1 : 0;
    this.#proposals.tick(electionTicks);
    this.#reads.tick();
    this.#waiters.tick();
    this.#handover.tick();
    this.#snapshots.tick();
    if (!this.#writer.isBusy) this.#writer.flush();
    if (this.#isLeading) this.#changes.tick();
    const patienceTicks = Math.ceil((this.#settings.wedgeTicks * this.#settings.tickMs) / this.#ticker.tickMs);
    if (this.#wedge.tick(patienceTicks, this.#isLeading, this.#applied, this.#core.lastIndex)) this.#giveWay();
    this.#driver.wakeNow();
  }

  #giveWay(): void {
    this.#options.log("raft: nothing gets through here, though this member leads: leadership goes to another");
    this.transferLeadership().catch((error: unknown) => {
      this.#options.log(`raft: leadership stays: ${(error as Error).message}`);
    });
  }

  /** Tells of what has changed about who leads. */
  #look(): void {
    const leadsInCore = this.#core.role === "leader";
    if (leadsInCore !== this.#hasLed) {
      this.#hasLed = leadsInCore;
      if (leadsInCore) this.#proposals.leading();
      else this.#proposals.ledNoMore();
    }
    this.#handover.look();
    const change = this.#leadership.update(this.#applied);
    if (!change) return;
    if (change.now.role === "leader") this.#proposals.termOpened(change.now.term);
    if (change.before.leader !== change.now.leader || change.before.term !== change.now.term) {
      this.#reads.leaderChanged();
      this.#driver.wakeNow();
    }
    this.#leadership.announce();
  }

  #onApplied(index: number, term: number, bytes: number): void {
    this.#applied = index;
    this.#core.advance({ applied: index });
    this.#snapshots.applied(index, term, bytes);
    this.#waiters.applied(index);
    this.#reads.applied(index);
    this.#driver.wake();
  }

  #applyMembership(entry: Entry): void {
    const { change, effects } = this.#roster.apply(entry);
    this.#roster.setConfState(this.#core.applyMembershipChange(change));
    // Whoever is asked to vote after a crash must know who votes.
    void this.#writer.sync();
    for (const { kind, member } of effects) {
      if (kind === "set") {
        this.#peers?.told(member);
        continue;
      }
      this.#contacts.forget(member.raftId);
      if (member.raftId === this.id) this.#onRemoval("it is in the log");
      else this.#peers?.removed(member.raftId);
    }
  }

  #proposeChange(change: ConfChange): Promise<void> {
    return proposeChange(change, {
      core: this.#core,
      proposals: this.#proposals,
      writer: this.#writer,
      assertLeading: () => this.#assertLeading(),
      wake: () => this.#driver.wake(),
      applied: (index) => this.whenApplied(index, this.#settings.electionTicks * this.#ticker.tickMs),
    });
  }

  async #restore(metadata: SnapshotMetadata): Promise<void> {
    await this.#snapshots.restore(metadata);
    if (this.#ended) return;
    this.#peers?.only(this.#roster.raftMembers());
    if (this.#roster.isRemoved(this.id)) this.#onRemoval("it is in a snapshot of the leader's");
  }

  #onRemoval(reason: string): void {
    if (this.#ended) return;
    this.#options.log(`raft: member ${this.id} was removed: ${reason}`);
    this.#end(wasRemoved);
    void this.#close();
    this.#removalListeners.tell();
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#options.log(`raft: member ${this.id} ends, because it cannot rely on what it has: ${cause.stack}`);
    this.#end(stopped);
    void this.#close();
    this.#failureListeners.tell(cause);
  }

  async #stop(): Promise<void> {
    if (this.#isLeading && this.#roster.confState.voters.length > 1) {
      try {
        await this.transferLeadership();
        // What was under way is committed by the next leader in a moment.
        await this.whenApplied(this.#core.lastIndex, this.#settings.electionTicks * this.#ticker.tickMs);
      } catch (error) {
        this.#options.log(`raft: stops without a successor: ${(error as Error).message}`);
      }
    }
    this.#end(stopped);
    await this.#close();
  }

  /** From now on nothing is done, and everybody who waits is told. */
  #end(reason: () => RaftError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#driver.end();
    this.#ticker.stop();
    this.#inbox?.end();
    this.#proposals.end(outcomeUnknown);
    this.#reads.end(reason);
    this.#waiters.end(reason);
    this.#handover.end(reason);
    this.#leadership.end();
  }

  #close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.allSettled([
        this.#applier.end(),
        this.#snapshots.end(),
        this.#transport?.stop(),
        this.#writer.sync(),
      ]);
      try {
        await this.#options.storage.close();
      } catch (error) {
        this.#options.log(
          `raft: the log could not be closed, and will be repaired at the next start: ${(error as Error).message}`,
        );
      }
    })();
    return this.#closing;
  }
}
