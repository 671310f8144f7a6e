import { NOBODY } from "../raft/core/member-id.js";
import { type Raft, RaftError } from "../raft/node/raft.js";
import type { Acceptance, Proposal, Proposer } from "./proposer.js";

const NO_LEADER =
  "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";

/** What proposing needs of a member of the replicated log. */
export type ProposalLog = Pick<Raft<Proposal>, "id" | "leadership" | "nextIndex" | "propose">;

/** Proposes to this process's member of the replicated log. */
export class RaftProposer implements Proposer {
  #raft: ProposalLog | undefined;

  attach(raft: ProposalLog): void {
    this.#raft = raft;
  }

  get nextVersion(): number | undefined {
    return this.#raft?.nextIndex;
  }

  /** A leader is announced once it has applied all entries of earlier terms. */
  get term(): number {
    return this.#raft?.leadership.term ?? 0;
  }

  refusal(): Error {
    const leader = this.#raft?.leadership.leader ?? NOBODY;
    if (leader === NOBODY) return new RaftError("not-leader", NO_LEADER);
    if (leader === this.#raft?.id) {
      return new RaftError("not-leader", "this manager was elected just now and is still taking in the log: try again");
    }
    return new RaftError("not-leader", `this manager does not lead the cluster: changes go to the leader, ${leader}`);
  }

  propose(proposal: Proposal): Acceptance {
    const raft = this.#raft!;
    let applied: Promise<void>;
    try {
      applied = raft.propose(proposal.data, proposal);
    } catch (error) {
      return { accepted: false, reason: Promise.resolve(error) };
    }
    // The log has not grown: it was not taken.
    if (raft.nextIndex === proposal.version) {
      return { accepted: false, reason: applied.then(() => new Error("a log that did not grow has applied it"), same) };
    }
    return { accepted: true, applied };
  }
}

const same = (error: unknown) => error;
