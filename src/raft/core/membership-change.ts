/** From one membership to the next: one voter at a time (thesis, section 4.1), or any number through a joint configuration (4.3). */

import {
  ConfChange,
  type ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
} from "../../api/generated/raftpb/raft.js";
import type { MembershipChange } from "./machine.js";
import { type MemberId, NOBODY } from "./member-id.js";
import { isJoint, type Membership, sorted } from "./membership.js";

/** A change that does not fit the membership it is for, or a membership that contradicts itself. */
export class InvalidMembershipError extends Error {
  override readonly name = "InvalidMembershipError";
}

/** The two forms of the wire as one: what the newer one says of the same change. */
export function asV2(change: MembershipChange): ConfChangeV2 {
  if (change.kind === "v2") return change.change;
  const { type, nodeId, context } = change.change;
  return { transition: ConfChangeTransition.ConfChangeTransitionAuto, changes: [{ type, nodeId }], context };
}

/** As it stands in an entry. */
export function encodeChange(change: MembershipChange): { readonly type: EntryType; readonly data: Buffer } {
  const [type, bytes] =
    change.kind === "v1"
      ? [EntryType.EntryConfChange, ConfChange.encode(change.change).finish()]
      : [EntryType.EntryConfChangeV2, ConfChangeV2.encode(change.change).finish()];
  return { type, data: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) };
}

/** What an entry says of the membership; undefined of an ordinary one. @throws when its data are not what its type says */
export function decodeChange(entry: Entry): MembershipChange | undefined {
  if (entry.Type === EntryType.EntryConfChange) return { kind: "v1", change: ConfChange.decode(entry.Data) };
  if (entry.Type === EntryType.EntryConfChangeV2) return { kind: "v2", change: ConfChangeV2.decode(entry.Data) };
  return undefined;
}

/** A change without any part ends a joint configuration. */
export function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === ConfChangeTransition.ConfChangeTransitionAuto && change.changes.length === 0;
}

/** The membership after a change. @throws InvalidMembershipError */
export function changed(membership: Membership, change: ConfChangeV2): Membership {
  if (leavesJoint(change)) return leaveJoint(membership);
  const { transition, changes } = change;
  // A single part never needs two quorums: etcd's rule for "auto".
  if (transition === ConfChangeTransition.ConfChangeTransitionAuto && changes.length <= 1) {
    return changeSimply(membership, changes);
  }
  return enterJoint(membership, transition !== ConfChangeTransition.ConfChangeTransitionJointExplicit, changes);
}

/** At most one voter comes or goes, so that any majority before and any majority after share a member. */
export function changeSimply(membership: Membership, changes: readonly ConfChangeSingle[]): Membership {
  if (isJoint(membership))
    throw new InvalidMembershipError("the group is in a joint configuration, which must end first");
  const next = changedBy(membership, [], changes);
  const moved = difference(membership.voters, next.voters) + difference(next.voters, membership.voters);
  if (moved > 1) throw new InvalidMembershipError(`${moved} voters change at once, which needs a joint configuration`);
  return next;
}

/** From now on decisions need a majority of the voters before and one of those after. */
export function enterJoint(
  membership: Membership,
  autoLeave: boolean,
  changes: readonly ConfChangeSingle[],
): Membership {
  if (isJoint(membership)) throw new InvalidMembershipError("the group is in a joint configuration already");
  if (membership.voters.length === 0)
    throw new InvalidMembershipError("a group without voters has no joint configuration");
  return { ...changedBy(membership, membership.voters, changes), autoLeave };
}

/** The voters that go become learners, or are gone. */
export function leaveJoint(membership: Membership): Membership {
  if (!isJoint(membership)) throw new InvalidMembershipError("the group is in no joint configuration");
  const { voters, learners, learnersNext } = membership;
  return checked({
    voters,
    outgoing: [],
    learners: sorted([...learners, ...learnersNext]),
    learnersNext: [],
    autoLeave: false,
  });
}

/** The membership that a snapshot or the wire tells of. @throws InvalidMembershipError */
export function restoreMembership(state: ConfState | undefined): Membership {
  return checked({
    voters: sorted(state?.voters ?? []),
    outgoing: sorted(state?.votersOutgoing ?? []),
    learners: sorted(state?.learners ?? []),
    learnersNext: sorted(state?.learnersNext ?? []),
    autoLeave: state?.autoLeave ?? false,
  });
}

function changedBy(
  membership: Membership,
  outgoing: readonly MemberId[],
  changes: readonly ConfChangeSingle[],
): Membership {
  const voters = new Set(membership.voters);
  const learners = new Set(membership.learners);
  const learnersNext = new Set(membership.learnersNext);
  const remove = (id: MemberId): void => {
    voters.delete(id);
    learners.delete(id);
    learnersNext.delete(id);
  };
  for (const { type, nodeId } of changes) {
    // An embedder writes nobody's id into a change that it decided to drop.
    if (nodeId === NOBODY) continue;
    switch (type) {
      case ConfChangeType.ConfChangeAddNode:
        remove(nodeId);
        voters.add(nodeId);
        break;
      case ConfChangeType.ConfChangeAddLearnerNode:
        remove(nodeId);
        (outgoing.includes(nodeId) ? learnersNext : learners).add(nodeId);
        break;
      case ConfChangeType.ConfChangeRemoveNode:
        remove(nodeId);
        break;
      case ConfChangeType.ConfChangeUpdateNode:
        break;
      default:
        throw new InvalidMembershipError(`nobody knows a membership change of kind ${type}`);
    }
  }
  if (voters.size === 0) throw new InvalidMembershipError("no voter would be left");
  return checked({
    voters: sorted(voters),
    outgoing,
    learners: sorted(learners),
    learnersNext: sorted(learnersNext),
    autoLeave: false,
  });
}

/** What must hold of every membership. */
function checked(membership: Membership): Membership {
  const { voters, outgoing, learners, learnersNext, autoLeave } = membership;
  for (const id of learners) {
    if (voters.includes(id) || outgoing.includes(id)) {
      throw new InvalidMembershipError(`member ${id} is a learner and a voter`);
    }
  }
  for (const id of learnersNext) {
    if (!outgoing.includes(id)) throw new InvalidMembershipError(`member ${id} is to become a learner and does not go`);
    if (voters.includes(id)) throw new InvalidMembershipError(`member ${id} is to become a learner and a voter`);
  }
  if (outgoing.length === 0 && (learnersNext.length > 0 || autoLeave)) {
    throw new InvalidMembershipError("a joint configuration is to end, and there is none");
  }
  if (voters.length === 0 && (outgoing.length > 0 || learners.length > 0)) {
    throw new InvalidMembershipError("a group has members and no voter");
  }
  return membership;
}

function difference(of: readonly MemberId[], without: readonly MemberId[]): number {
  return of.reduce((count, id) => (without.includes(id) ? count : count + 1), 0);
}
