/** From what is on the disk (nothing, or all that a member knew) to a member that can run. */
import type { ClusterSnapshot } from "../../api/generated/docker/swarmkit/v1/raft.js";
import {
  ConfChangeType,
  type ConfState,
  type Entry,
  type HardState,
  type SnapshotMetadata,
} from "../../api/generated/raftpb/raft.js";
import type { InitialState } from "../core/config.js";
import { NOBODY } from "../core/member-id.js";
import { encodeChange } from "../core/membership-change.js";
import type { LogStorage, StoredState } from "../storage/log-storage.js";
import { type Foundation, forcedAppend } from "./forced-cluster.js";
import { decodeIdentity, encodeIdentity, type Identity } from "./identity.js";
import { newMemberId } from "./new-member-id.js";
import type { RaftNodeOptions } from "./options.js";
import { decodeMembershipChange, memberChange } from "./roster.js";
import type { RaftSettings } from "./settings.js";
import { readBack } from "./stored-snapshot.js";

/** The storage does not hold what this member is to start from. */
export class RaftStartError extends Error {
  override readonly name = "RaftStartError";
}

export interface Booted {
  readonly identity: Identity;
  readonly initial: InitialState;
  /** As of the snapshot, which is in the state machine already. */
  readonly foundation: Foundation;
}

interface Log {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

const NO_MEMBERS: ClusterSnapshot = { members: [], removed: [] };
const NO_CONF_STATE: ConfState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

/** @throws RaftStartError, RaftError removed; what the storage, the state machine and the request to join throw */
export async function boot<Local>(options: RaftNodeOptions<Local>, settings: RaftSettings): Promise<Booted> {
  const { storage, start, stateMachine, clock, log } = options;
  const stored = await storage.load();
  for (const note of stored.notes) log(`raft: ${note}`);
  if (!stored.identity) return begin(options, stored);
  const identity = decodeIdentity(stored.identity);
  checkNode(identity, options.nodeId);
  const { snapshot } = stored;
  let members = NO_MEMBERS;
  if (snapshot.index > 0) {
    const restore = (parts: AsyncIterable<Uint8Array>) => stateMachine.restore(parts, snapshot.index);
    members = await readBack(storage.readSnapshot(snapshot.index), restore, clock, settings.sliceMs);
  }
  const foundation = { index: snapshot.index, membership: members, confState: snapshot.confState ?? NO_CONF_STATE };
  const found = await joined(storage, stored);
  const { hardState, entries } =
    start.kind === "force-new-cluster" ? await force(options, identity, foundation, found) : found;
  return { identity, foundation, initial: { hardState, entries, snapshot, applied: snapshot.index } };
}

/** A new member: its first entry, or the answer of the cluster that takes it in. */
async function begin<Local>(options: RaftNodeOptions<Local>, { entries }: StoredState): Promise<Booted> {
  const { storage, start } = options;
  const snapshot: SnapshotMetadata = { index: 0, term: 0, confState: NO_CONF_STATE };
  const foundation = { index: 0, membership: NO_MEMBERS, confState: NO_CONF_STATE };
  if (start.kind === "bootstrap") {
    const { identity, log } = await bootstrap(options, entries);
    return { identity, foundation, initial: { ...log, snapshot, applied: 0 } };
  }
  if (start.kind !== "join") {
    throw new RaftStartError("there is no log to start from: this manager was never a member, or its folder is empty");
  }
  const identity = await start.request();
  checkNode(identity, options.nodeId);
  await storage.setIdentity(encodeIdentity(identity));
  return {
    identity,
    foundation,
    initial: { hardState: { term: 0, vote: NOBODY, commit: 0 }, entries: [], snapshot, applied: 0 },
  };
}

async function bootstrap<Local>(
  { storage, nodeId, address, random }: RaftNodeOptions<Local>,
  found: readonly Entry[],
): Promise<{ readonly identity: Identity; readonly log: Log }> {
  // A crash may have come after the entry, and before the identity.
  const begun = found[0] && decodeMembershipChange(found[0]);
  const id = begun?.kind === "v1" ? begun.change.nodeId : newMemberId(random, () => false);
  const member = { raftId: id, nodeId, addr: address, status: undefined };
  const { type, data } = encodeChange({
    kind: "v1",
    change: memberChange(ConfChangeType.ConfChangeAddNode, member),
  });
  const entries: readonly Entry[] = [{ Term: 1, Index: 1, Type: type, Data: data }];
  const hardState = { term: 1, vote: NOBODY, commit: 1 };
  await storage.append({ entries, hardState, mustSync: true });
  const identity = { id, members: [member], removed: [] };
  await storage.setIdentity(encodeIdentity(identity));
  return { identity, log: { hardState, entries } };
}

/** A snapshot that came from a leader may be on the disk while the log does not know of it: a crash came between. */
async function joined(storage: LogStorage, { snapshot, entries, hardState }: StoredState): Promise<Log> {
  if (snapshot.index === 0) return { hardState, entries };
  const state: HardState = {
    term: Math.max(hardState.term, snapshot.term),
    vote: hardState.term >= snapshot.term ? hardState.vote : NOBODY,
    commit: Math.max(hardState.commit, snapshot.index),
  };
  const first = entries[0]?.Index;
  const reaches = first === snapshot.index + 1 || entries[snapshot.index - (first ?? 0)]?.Term === snapshot.term;
  if (first !== undefined && reaches) return { hardState: state, entries };
  await storage.installSnapshot(snapshot, state);
  return { hardState: state, entries: [] };
}

async function force<Local>(
  { storage, nodeId, address, log }: RaftNodeOptions<Local>,
  { id }: Identity,
  foundation: Foundation,
  found: Log,
): Promise<Log> {
  const after = found.entries.filter(({ Index }) => Index > foundation.index);
  const batch = forcedAppend({ id, nodeId, address }, foundation, after, found.hardState);
  await storage.append(batch);
  const from = batch.entries[0]?.Index ?? Number.POSITIVE_INFINITY;
  log(
    `raft: this manager is a cluster of its own from now on: ${batch.entries.length} membership changes from entry ${from} on`,
  );
  return {
    hardState: batch.hardState,
    entries: [...found.entries.filter(({ Index }) => Index < from), ...batch.entries],
  };
}

/** @throws RaftStartError */
function checkNode({ id, members }: Identity, nodeId: string): void {
  const own = members.find(({ raftId }) => raftId === id);
  if (own && own.nodeId !== nodeId) {
    throw new RaftStartError(`the log in this folder is that of node ${own.nodeId}, and this is node ${nodeId}`);
  }
}
