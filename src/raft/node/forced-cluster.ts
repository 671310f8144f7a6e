/**
 * A cluster of one out of what a single survivor has. Everything in its log stays, also what it does not know to be committed: an entry
 * that was acknowledged by the members that are lost may look just like that here, and one that was not has an unknown outcome, which may
 * as well be that it happened. (SwarmKit drops such entries, and with them acknowledged writes.)
 */
import type { ClusterSnapshot } from "../../api/generated/docker/swarmkit/v1/raft.js";
import {
  ConfChangeTransition,
  ConfChangeType,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
} from "../../api/generated/raftpb/raft.js";
import type { MembershipChange } from "../core/machine.js";
import { type MemberId, NOBODY } from "../core/member-id.js";
import { confStateOf } from "../core/membership.js";
import { encodeChange, restoreMembership } from "../core/membership-change.js";
import { afterChange } from "../core/proposals.js";
import type { AppendBatch } from "../storage/log-storage.js";
import { wasRemoved } from "./errors.js";
import { memberChange, Roster } from "./roster.js";

export interface Survivor {
  readonly id: MemberId;
  readonly nodeId: string;
  readonly address: string;
}

/** What the survivor's snapshot says; index 0 and empty without one. */
export interface Foundation {
  readonly index: number;
  readonly membership: ClusterSnapshot;
  readonly confState: ConfState;
}

/**
 * @param entries all of the log's after the snapshot
 * @returns what is to be appended, committed: the others are gone, and this member votes
 * @throws RaftError removed, when it is agreed on that this member was taken out
 */
export function forcedAppend(
  self: Survivor,
  foundation: Foundation,
  entries: readonly Entry[],
  hardState: HardState,
): AppendBatch & { readonly hardState: HardState } {
  const changes = entries.filter(({ Type }) => Type !== EntryType.EntryNormal);
  const fatal = changes.find((_, i) => replayed(foundation, changes.slice(0, i + 1)).isRemoved(self.id));
  if (fatal && fatal.Index <= hardState.commit) throw wasRemoved();
  // Nobody knows that it was agreed on: it is overwritten, and so is what follows.
  const kept = fatal ? entries.filter(({ Index }) => Index < fatal.Index) : entries;
  // Further back than the kept entries begins what is in the snapshot.
  const last = kept.at(-1)?.Index ?? foundation.index;
  // A term of its own, so that no other member has another entry at the same place in the same term.
  const term = hardState.term + 1;
  const added = changesFor(self, replayed(foundation, kept)).map((change, i): Entry => {
    const { type, data } = encodeChange(change);
    return { Term: term, Index: last + 1 + i, Type: type, Data: data };
  });
  return { entries: added, hardState: { term, vote: NOBODY, commit: last + added.length }, mustSync: true };
}

function changesFor(self: Survivor, roster: Roster): readonly MembershipChange[] {
  const changes: MembershipChange[] = [];
  if (roster.confState.votersOutgoing.length > 0) {
    const transition = ConfChangeTransition.ConfChangeTransitionAuto;
    changes.push({ kind: "v2", change: { transition, changes: [], context: Buffer.alloc(0) } });
  }
  const member = { raftId: self.id, nodeId: self.nodeId, addr: self.address, status: undefined };
  const known = roster.get(self.id);
  if (!roster.confState.voters.includes(self.id)) {
    changes.push({ kind: "v1", change: memberChange(ConfChangeType.ConfChangeAddNode, member) });
  } else if (known?.addr !== self.address) {
    changes.push({ kind: "v1", change: memberChange(ConfChangeType.ConfChangeUpdateNode, member) });
  }
  for (const other of roster.raftMembers()) {
    if (other.raftId === self.id) continue;
    changes.push({ kind: "v1", change: memberChange(ConfChangeType.ConfChangeRemoveNode, other) });
  }
  return changes;
}

function replayed({ membership, confState }: Foundation, entries: readonly Entry[]): Roster {
  const roster = new Roster();
  roster.restore(membership, confState);
  for (const entry of entries) {
    const { change } = roster.apply(entry);
    if (change) roster.setConfState(confStateOf(afterChange(restoreMembership(roster.confState), change)));
  }
  return roster;
}
