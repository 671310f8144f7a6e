import type { ConfState } from "../../api/generated/raftpb/raft.js";
import { compareMembers, type MemberId } from "./member-id.js";

/** Who is in the group, as a value: a change makes another one. All lists are sorted and without repetition. */
export interface Membership {
  /** Those who vote; while two configurations are joint, of the one that is to come. */
  readonly voters: readonly MemberId[];
  /** While two configurations are joint: the voters of the one that ends; else empty. */
  readonly outgoing: readonly MemberId[];
  /** They get entries and count for nothing. */
  readonly learners: readonly MemberId[];
  /** Voters of the outgoing configuration that become learners when it ends: until then they must vote. */
  readonly learnersNext: readonly MemberId[];
  /** The leader ends the joint configuration by itself. */
  readonly autoLeave: boolean;
}

export const NO_MEMBERSHIP: Membership = {
  voters: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** Voters of either configuration. */
export function votersOf(membership: Membership): readonly MemberId[] {
  return isJoint(membership) ? sorted([...membership.voters, ...membership.outgoing]) : membership.voters;
}

export function membersOf(membership: Membership): readonly MemberId[] {
  return sorted([...membership.voters, ...membership.outgoing, ...membership.learners]);
}

export function isVoter(membership: Membership, id: MemberId): boolean {
  return membership.voters.includes(id) || membership.outgoing.includes(id);
}

export function includes(membership: Membership, id: MemberId): boolean {
  return isVoter(membership, id) || membership.learners.includes(id);
}

export function confStateOf(membership: Membership): ConfState {
  const { voters, learners, outgoing, learnersNext, autoLeave } = membership;
  return { voters, learners, votersOutgoing: outgoing, learnersNext, autoLeave };
}

/** Sorted as numbers, each once. */
export function sorted(ids: Iterable<MemberId>): MemberId[] {
  return [...new Set(ids)].sort(compareMembers);
}
