/** Who a member is, as its storage keeps it: the answer to its request to join (its own when it was the first). */
import { JoinResponse, type RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { MemberId } from "../core/member-id.js";

export interface Identity {
  readonly id: MemberId;
  /** Members and removed ids at the time when it joined: whom it can talk to before it has the log. */
  readonly members: readonly RaftMember[];
  readonly removed: readonly MemberId[];
}

export function encodeIdentity({ id, members, removed }: Identity): Uint8Array {
  return JoinResponse.encode({ raftId: id, members, removedMembers: removed }).finish();
}

export function decodeIdentity(bytes: Uint8Array): Identity {
  const { raftId, members, removedMembers } = JoinResponse.decode(bytes);
  return { id: raftId, members, removed: removedMembers };
}
