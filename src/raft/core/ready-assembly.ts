import type { HardState, Message } from "../../api/generated/raftpb/raft.js";
import { ownVotePersisted } from "./election.js";
import type { RaftState } from "./raft-state.js";
import type { ReadState, Ready, SoftState } from "./ready.js";
import { broadcastHeartbeat, onOwnPersisted, replicate } from "./replication.js";

/** What has changed since the last Ready, put together into the next one. */
export class ReadyAssembly {
  #sequence = 0;
  #softState: SoftState;
  #hardState: HardState;

  constructor(private readonly raft: RaftState) {
    this.#softState = { role: raft.role, leader: raft.leader };
    this.#hardState = raft.hardState;
  }

  hasReady(): boolean {
    const { raft } = this;
    if (this.#isDue()) return true;
    // What goes to the followers is made now, and there may be nothing that they can take.
    if (raft.isReplicationDue) replicate(raft);
    return raft.messages.length > 0;
  }

  next(): Ready | undefined {
    const { raft } = this;
    const { log } = raft;
    if (raft.isReplicationDue) replicate(raft);
    if (raft.reads.isRoundDue) broadcastHeartbeat(raft);
    if (!this.#isDue()) return undefined;
    const sequence = ++this.#sequence;
    const softState = this.#takeSoftState();
    const before = this.#hardState;
    const hardState = this.#takeHardState();
    const snapshot = log.takeUnwrittenSnapshot();
    const entries = log.takeUnwritten();
    // What is handed out is the shell's: nothing is added to it any more, not even to what is empty.
    const messages = raft.messages.length > 0 ? raft.messages : NO_MESSAGES;
    const messagesAfterPersist = raft.messagesAfterPersist.length > 0 ? raft.messagesAfterPersist : NO_MESSAGES;
    const readStates = raft.readStates.length > 0 ? raft.readStates : NO_READS;
    if (messages !== NO_MESSAGES) raft.messages = [];
    if (messagesAfterPersist !== NO_MESSAGES) raft.messagesAfterPersist = [];
    if (readStates !== NO_READS) raft.readStates = [];
    const ownVote = raft.isOwnVoteDue ? raft.term : 0;
    raft.isOwnVoteDue = false;
    if (entries.length > 0 || snapshot !== undefined || ownVote > 0) {
      log.writes.add({ sequence, provesUpTo: log.last, snapshot: snapshot?.index ?? 0, ownVote });
    }
    return {
      sequence,
      softState,
      snapshot,
      entries,
      hardState,
      mustSync: entries.length > 0 || snapshot !== undefined || before.term !== raft.term || before.vote !== raft.vote,
      messages,
      messagesAfterPersist,
      committed: log.takeCommitted(raft.config.maxCommittedBytesPerReady),
      readStates,
    };
  }

  /** The writes of all Readys up to a sequence are durable. */
  persisted(sequence: number): void {
    if (sequence > this.#sequence) {
      throw new RangeError(`Ready ${sequence} is said to be durable, and only ${this.#sequence} were handed out`);
    }
    const { raft } = this;
    const { log } = raft;
    for (const write of log.writes.takeUpTo(sequence)) {
      if (write.snapshot > 0) log.snapshotPersisted(write.snapshot);
      log.persistedTo(write.provesUpTo);
      if (write.ownVote > 0) ownVotePersisted(raft, write.ownVote);
    }
    if (raft.role === "leader") onOwnPersisted(raft);
  }

  #isDue(): boolean {
    const { raft } = this;
    const { log } = raft;
    return (
      log.hasUnwritten ||
      raft.messages.length > 0 ||
      raft.messagesAfterPersist.length > 0 ||
      log.hasNextCommitted ||
      raft.reads.isRoundDue ||
      raft.readStates.length > 0 ||
      raft.isOwnVoteDue ||
      log.hasUnwrittenSnapshot ||
      this.#hardState.commit !== log.committed ||
      this.#hardState.term !== raft.term ||
      this.#hardState.vote !== raft.vote ||
      this.#softState.role !== raft.role ||
      this.#softState.leader !== raft.leader
    );
  }

  #takeSoftState(): SoftState | undefined {
    const { role, leader } = this.raft;
    if (this.#softState.role === role && this.#softState.leader === leader) return undefined;
    this.#softState = { role, leader };
    return this.#softState;
  }

  #takeHardState(): HardState | undefined {
    const { term, vote, log } = this.raft;
    const before = this.#hardState;
    if (before.term === term && before.vote === vote && before.commit === log.committed) return undefined;
    this.#hardState = this.raft.hardState;
    return this.#hardState;
  }
}

const NO_MESSAGES: readonly Message[] = [];
const NO_READS: readonly ReadState[] = [];
