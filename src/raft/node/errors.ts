/** What callers are told, in words that people can act on. */
import type { ProposalRefusal } from "../core/machine.js";
import { RaftError } from "./raft.js";

export const LOST_QUORUM_TEXT =
  "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

export const noLeader = () => new RaftError("not-leader", LOST_QUORUM_TEXT);

export const notLeader = () => new RaftError("not-leader", "this manager is not the leader");

export const notTaken = () =>
  new RaftError("not-leader", "another manager took over before the change was safe: nothing has happened");

export const outcomeUnknown = () =>
  new RaftError("outcome-unknown", "this manager ceased to be the leader: the change may have happened, or not");

export const stopped = () => new RaftError("stopped", "this manager has stopped");

export const wasRemoved = () => new RaftError("removed", "this manager was removed from the cluster's managers");

export const timedOut = (what: string) => new RaftError("timeout", `${what} took too long: try again`);

/** Why the core did not take a proposal. */
export function refusal(reason: ProposalRefusal): RaftError {
  switch (reason) {
    case "not-leader":
      return notLeader();
    case "transferring":
      return new RaftError("busy", "leadership is being handed over: try again");
    case "busy":
      return new RaftError("busy", "too many changes are under way: try again");
    case "too-large":
      return new RaftError("too-large", "the change is too large for one entry of the log");
    case "membership-change-pending":
      return new RaftError("membership-refused", "another change of the managers is under way: try again");
    case "membership-change-invalid":
      return new RaftError("membership-refused", "the change does not fit the present managers");
  }
}
