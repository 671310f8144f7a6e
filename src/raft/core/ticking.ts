import { isPromotable, startElection } from "./election.js";
import { NOBODY } from "./member-id.js";
import { leaveJointWhenDue } from "./proposals.js";
import type { RaftState } from "./raft-state.js";
import { broadcastHeartbeat } from "./replication.js";
import { becomeFollower } from "./roles.js";
import { abandonTransfer } from "./transfer.js";

export function tick(raft: RaftState): void {
  raft.electionElapsed++;
  if (raft.role === "leader") tickLeader(raft);
  else if (raft.electionElapsed >= raft.electionTimeout && isPromotable(raft)) {
    raft.electionElapsed = 0;
    startElection(raft, raft.config.preVote ? "pre-election" : "election");
  }
}

function tickLeader(raft: RaftState): void {
  raft.heartbeatElapsed++;
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum && !raft.tracker.checkQuorum(raft.id)) {
      // Others may have elected another one: whoever asks here must look for that one (thesis, section 6.2).
      becomeFollower(raft, raft.term, NOBODY);
      return;
    }
    if (raft.transferee !== NOBODY) {
      abandonTransfer(raft);
      leaveJointWhenDue(raft);
    }
  }
  if (raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    broadcastHeartbeat(raft);
  }
}
