/**
 * Who the members are and were: replicated with the log (each membership change carries a RaftMember) and part of every snapshot. It
 * depends on nothing but the log, so all members agree, those of SwarmKit included.
 */
import { type ClusterSnapshot, RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import { type ConfChange, ConfChangeType, type ConfState, type Entry } from "../../api/generated/raftpb/raft.js";
import type { MembershipChange } from "../core/machine.js";
import { compareMembers, type MemberId, NOBODY } from "../core/member-id.js";
import { decodeChange } from "../core/membership-change.js";
import type { Member } from "./raft.js";

export type RosterChange =
  | { readonly kind: "set"; readonly member: RaftMember }
  | { readonly kind: "removed"; readonly member: RaftMember };

const EMPTY: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

export class Roster {
  #members = new Map<MemberId, RaftMember>();
  #removed = new Set<MemberId>();
  #confState: ConfState = EMPTY;
  #list: readonly Member[] | undefined;

  get confState(): ConfState {
    return this.#confState;
  }

  /** Replaces all by what a snapshot says. */
  restore(snapshot: ClusterSnapshot, confState: ConfState): void {
    this.#members = new Map(snapshot.members.map((member) => [member.raftId, withoutStatus(member)]));
    this.#removed = new Set(snapshot.removed);
    this.setConfState(confState);
  }

  setConfState(confState: ConfState): void {
    this.#confState = confState;
    this.#list = undefined;
  }

  snapshot(): ClusterSnapshot {
    return { members: this.raftMembers(), removed: this.removed() };
  }

  get(id: MemberId): RaftMember | undefined {
    return this.#members.get(id);
  }

  byNode(nodeId: string): RaftMember | undefined {
    return this.raftMembers().find((member) => member.nodeId === nodeId);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  isVoter(id: MemberId): boolean {
    return this.#confState.voters.includes(id) || this.#confState.votersOutgoing.includes(id);
  }

  raftMembers(): RaftMember[] {
    return [...this.#members.values()].sort((a, b) => compareMembers(a.raftId, b.raftId));
  }

  removed(): MemberId[] {
    return [...this.#removed].sort(compareMembers);
  }

  members(): readonly Member[] {
    this.#list ??= this.raftMembers().map(({ raftId, nodeId, addr }) => ({
      raftId,
      nodeId,
      address: addr,
      isVoter: this.isVoter(raftId),
    }));
    return this.#list;
  }

  /**
   * Takes in a committed change, unless it makes no sense on top of those before it (SwarmKit's rules: no id comes twice or comes
   * back, only members go or change).
   * @returns what the core shall take in (undefined: nothing) and what that means for peers
   */
  apply(entry: Entry): { readonly change: MembershipChange | undefined; readonly effects: readonly RosterChange[] } {
    const change = decodeMembershipChange(entry);
    if (!change) return { change: undefined, effects: [] };
    const parts = change.kind === "v1" ? [change.change] : change.change.changes;
    const context = decodeContext(change.change.context);
    if (!parts.every((part) => this.#makesSense(part.type, part.nodeId))) return { change: undefined, effects: [] };
    this.#list = undefined;
    const effects = parts.flatMap((part) => this.#take(part.type, part.nodeId, context));
    return { change, effects };
  }

  #makesSense(type: ConfChangeType, id: MemberId): boolean {
    if (id === NOBODY || this.#removed.has(id)) return false;
    const member = this.#members.get(id);
    // A learner is added once more to become a voter.
    if (type === ConfChangeType.ConfChangeAddNode) return !member || !this.isVoter(id);
    if (type === ConfChangeType.ConfChangeAddLearnerNode) return !member;
    return member !== undefined;
  }

  #take(type: ConfChangeType, id: MemberId, context: RaftMember | undefined): readonly RosterChange[] {
    const known = this.#members.get(id);
    if (type === ConfChangeType.ConfChangeRemoveNode) {
      this.#members.delete(id);
      this.#removed.add(id);
      return known ? [{ kind: "removed", member: known }] : [];
    }
    const told = context?.raftId === id ? context : undefined;
    const member = told ?? known ?? { raftId: id, nodeId: "", addr: "", status: undefined };
    this.#members.set(id, withoutStatus(member));
    return [{ kind: "set", member }];
  }
}

/** undefined of an ordinary entry, and of one whose data are not what its type says: all members pass over it. */
export function decodeMembershipChange(entry: Entry): MembershipChange | undefined {
  try {
    return decodeChange(entry);
  } catch {
    return undefined;
  }
}

/** The change as SwarmKit writes it. */
export function memberChange(type: ConfChangeType, member: RaftMember): ConfChange {
  return { type, nodeId: member.raftId, context: Buffer.from(RaftMember.encode(member).finish()), id: "0" };
}

function decodeContext(context: Uint8Array): RaftMember | undefined {
  if (context.length === 0) return undefined;
  try {
    return RaftMember.decode(context);
  } catch {
    return undefined;
  }
}

/** Status is seen, not agreed upon. */
function withoutStatus(member: RaftMember): RaftMember {
  return { ...member, status: undefined };
}
