/** The leader's part in who is a member: one change at a time, each done when it is applied here. */
import type { RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import { type ConfChange, ConfChangeType } from "../../api/generated/raftpb/raft.js";
import type { RaftMachine } from "../core/machine.js";
import type { MemberId } from "../core/member-id.js";
import type { Clock, Random } from "./clock.js";
import { haveQuorum } from "./contacts.js";
import { newMemberId } from "./new-member-id.js";
import { type JoinOptions, type JoinResult, RaftError } from "./raft.js";
import { memberChange, type Roster } from "./roster.js";
import type { RaftSettings } from "./settings.js";

export interface ChangeSurroundings {
  readonly self: MemberId;
  readonly core: Pick<RaftMachine, "status" | "commit">;
  readonly roster: Roster;
  readonly settings: RaftSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly probe: (address: string) => Promise<void>;
  readonly log: (line: string) => void;
  /** @throws RaftError */
  assertLeading(): void;
  /** Resolves when it is applied; waits for a change that is under way already. @throws RaftError */
  propose(change: ConfChange): Promise<void>;
  isReachable(id: MemberId): boolean;
  /** None of the members is one of SwarmKit's, as far as is known. */
  allKnowLearners(): boolean;
  transferLeadership(): Promise<MemberId>;
  /** Where a member says that it can be reached; undefined when it has not said. */
  learnedAddress(id: MemberId): string | undefined;
}

const MAX_WAITING = 64;

export class MembershipChanges {
  readonly #around: ChangeSurroundings;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Ticks until what failed is tried again. */
  #restTicks = 0;

  constructor(around: ChangeSurroundings) {
    this.#around = around;
  }

  async join(nodeId: string, address: string, options: JoinOptions): Promise<JoinResult> {
    return this.#inTurn(async () => {
      const { roster, random, settings } = this.#around;
      const known = roster.byNode(nodeId);
      if (known && !options.hasEmptyLog) {
        if (known.addr !== address)
          await this.#propose(ConfChangeType.ConfChangeUpdateNode, { ...known, addr: address });
        return this.#result(known.raftId);
      }
      await this.#probe(address);
      if (known?.raftId === this.#around.self) {
        throw new RaftError(
          "membership-refused",
          `node ${nodeId} is the leader: a node without its log cannot join as it`,
        );
      }
      // It has forgotten what it promised: under its old id it could break its word.
      if (known) await this.#remove(known.raftId, false);
      const raftId = newMemberId(random, (id) => roster.get(id) !== undefined || roster.isRemoved(id));
      const asLearner = options.asLearner ?? (settings.learnersFirst && this.#around.allKnowLearners());
      if (!asLearner) await this.#untilVoterFits();
      const type = asLearner ? ConfChangeType.ConfChangeAddLearnerNode : ConfChangeType.ConfChangeAddNode;
      await this.#propose(type, { raftId, nodeId, addr: address, status: undefined });
      return this.#result(raftId);
    });
  }

  async remove(id: MemberId, force: boolean): Promise<void> {
    return this.#inTurn(() => this.#remove(id, force));
  }

  canRemove(id: MemberId): boolean {
    const { roster, self, isReachable } = this.#around;
    if (!roster.isVoter(id)) return true;
    const rest = roster.confState.voters.filter((voter) => voter !== id);
    return haveQuorum(rest, (voter) => voter === self || isReachable(voter));
  }

  async untilRemovable(id: MemberId): Promise<boolean> {
    return this.#withinElection(() => this.canRemove(id));
  }

  /** What the leader does by itself, a step at each tick: makes voters of those that have caught up, notes new addresses. */
  tick(): void {
    if (this.#waiting > 0 || --this.#restTicks > 0) return;
    const due = this.#promotion() ?? this.#addressChange();
    if (!due) return;
    const { member, type, what } = due;
    this.#inTurn(() => this.#propose(type, member)).then(
      () => this.#around.log(`raft: ${what}`),
      (error: unknown) => {
        this.#restTicks = this.#around.settings.electionTicks;
        this.#around.log(`raft: ${what}: not done: ${(error as Error).message}`);
      },
    );
  }

  #promotion() {
    const { core, roster, settings, isReachable } = this.#around;
    if (roster.confState.learners.length === 0) return undefined;
    const { commit } = core;
    const ready = core
      .status()
      .followers.find(
        ({ id, isLearner, match, state }) =>
          isLearner && state === "replicate" && match + settings.keepEntries >= commit && isReachable(id),
      );
    const member = ready && roster.get(ready.id);
    if (!member) return undefined;
    const what = `member ${member.raftId} (node ${member.nodeId}) has caught up and votes from now on`;
    return { member, type: ConfChangeType.ConfChangeAddNode, what };
  }

  #addressChange() {
    const { roster, learnedAddress } = this.#around;
    for (const member of roster.raftMembers()) {
      const address = learnedAddress(member.raftId);
      if (address === undefined || address === member.addr) continue;
      const what = `member ${member.raftId} (node ${member.nodeId}) is at ${address} now, and was at ${member.addr}`;
      return { member: { ...member, addr: address }, type: ConfChangeType.ConfChangeUpdateNode, what };
    }
    return undefined;
  }

  async #remove(id: MemberId, force: boolean): Promise<void> {
    const { roster, self } = this.#around;
    const member = roster.get(id);
    if (!member) {
      if (roster.isRemoved(id)) return;
      throw new RaftError("membership-refused", `there is no manager with the raft id ${id}`);
    }
    if (roster.isVoter(id) && roster.confState.voters.length === 1) {
      throw new RaftError("membership-refused", "it is the last manager: without it there would be no cluster");
    }
    if (id === self) {
      const next = await this.#around.transferLeadership();
      throw new RaftError("not-leader", `leadership was handed to member ${next}, which can remove this manager`);
    }
    if (!force && !this.canRemove(id)) {
      throw new RaftError(
        "membership-refused",
        "of the managers that would be left, more than half cannot be reached: the cluster would have no quorum",
      );
    }
    await this.#propose(ConfChangeType.ConfChangeRemoveNode, member);
  }

  /** @throws RaftError membership-refused when nobody answers there */
  async #probe(address: string): Promise<void> {
    const { clock, settings, probe } = this.#around;
    let cancel: (() => void) | undefined;
    const late = new Promise<never>((_, reject) => {
      cancel = clock.after(settings.probeTimeoutMs, () =>
        reject(new Error(`no answer within ${settings.probeTimeoutMs} ms`)),
      );
    });
    try {
      await Promise.race([probe(address), late]);
    } catch (error) {
      throw new RaftError(
        "membership-refused",
        `the joining manager cannot be reached at ${address}: ${(error as Error).message}; check its advertised address and what filters packets`,
      );
    } finally {
      cancel?.();
    }
    this.#around.assertLeading();
  }

  /**
   * A joiner that votes at once and is never heard of again raises the quorum for good: two of them can cost it. While a voter cannot be
   * reached, those that can must be a quorum also with the joiner counted and silent (etcd's strict reconfiguration check).
   * @throws RaftError membership-refused when it is not so within an election timeout
   */
  async #untilVoterFits(): Promise<void> {
    const { roster, self, isReachable } = this.#around;
    const voters = () => roster.confState.voters;
    const reachable = () => voters().filter((voter) => voter === self || isReachable(voter)).length;
    const fits = () => reachable() === voters().length || reachable() > Math.floor((voters().length + 1) / 2);
    if (await this.#withinElection(fits)) return;
    throw new RaftError(
      "membership-refused",
      `of ${voters().length} managers only ${reachable()} can be reached: with one more that does not answer, the cluster would have no quorum; bring the others back or remove them first`,
    );
  }

  /** Whether it is so now, or at one of the ticks of an election timeout. @throws RaftError not-leader */
  async #withinElection(isSo: () => boolean): Promise<boolean> {
    const { settings, clock } = this.#around;
    for (let ticks = 0; ; ticks++) {
      this.#around.assertLeading();
      if (isSo()) return true;
      if (ticks === settings.electionTicks) return false;
      await new Promise<void>((resolve) => clock.after(settings.tickMs, resolve));
    }
  }

  #propose(type: ConfChangeType, member: RaftMember): Promise<void> {
    this.#around.assertLeading();
    return this.#around.propose(memberChange(type, member));
  }

  #result(id: MemberId): JoinResult {
    const { roster } = this.#around;
    return { id, members: roster.raftMembers(), removed: roster.removed() };
  }

  /** Waits for those before it. @throws RaftError */
  #inTurn<T>(body: () => Promise<T>): Promise<T> {
    this.#around.assertLeading();
    if (this.#waiting >= MAX_WAITING) {
      throw new RaftError("busy", "too many membership changes are asked for at once: try again");
    }
    this.#waiting++;
    const done = this.#last.then(() => {
      this.#around.assertLeading();
      return body();
    });
    this.#last = done
      .catch(() => undefined)
      .finally(() => {
        this.#waiting--;
      });
    return done;
  }
}
