/** A membership comes into force: as soon as it is applied, not when it is appended (as etcd does; section 6 does it the other way). */

import { NOBODY } from "./member-id.js";
import { isVoter, type Membership } from "./membership.js";
import type { RaftState } from "./raft-state.js";
import { commitWhatQuorumHas } from "./replication.js";
import { becomeFollower } from "./roles.js";
import { abandonTransfer } from "./transfer.js";

export function switchTo(raft: RaftState, membership: Membership): void {
  raft.membership = membership;
  if (raft.role === "follower") return;
  if (!isVoter(membership, raft.id)) {
    // It led until its own removal was agreed on (section 6); the others know it from what it has sent.
    becomeFollower(raft, raft.term, NOBODY);
    return;
  }
  if (raft.role !== "leader") return;
  // Who has come is tried at the log's end first: its refusal says where it stands.
  raft.tracker.follow(membership, Math.max(raft.log.last, 1), true);
  // A smaller quorum may have more already.
  commitWhatQuorumHas(raft);
  raft.isReplicationDue = true;
  if (raft.transferee !== NOBODY && !isVoter(membership, raft.transferee)) abandonTransfer(raft);
}
