/**
 * The loop: inputs mark it dirty, and a pass does all that the core wants done. A member at rest answers an input within the same turn of
 * the event loop; while the disk is at work, what comes in one turn goes into one pass, and so into one write and one message per peer.
 */
import type { Message } from "../../api/generated/raftpb/raft.js";
import type { RaftMachine } from "../core/machine.js";
import type { ReadState, Ready } from "../core/ready.js";
import type { Clock } from "./clock.js";
import type { Writer } from "./writer.js";

export interface DriverOutput {
  send(messages: readonly Message[]): void;
  /** A Ready's committed entries and its snapshot wait to be applied. */
  toApply(ready: Ready, installed: Promise<void> | undefined): void;
  answered(reads: readonly ReadState[]): void;
  /** Before the core is asked. */
  begin(): void;
  /** After it: applies, and tells who leads. */
  end(): void;
  failed(error: unknown): void;
}

/** A pass ends after so many Readys, though there be more: others have their turn. */
const MAX_READYS_PER_PASS = 1000;

export class Driver {
  readonly #core: RaftMachine;
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #output: DriverOutput;
  #isDirty = false;
  #isInPass = false;
  #arranged: "no" | "soon" | "now" = "no";
  /** Followers are told of what is committed at the end of this turn, unless entries take it along before. */
  #isTellingArranged = false;
  #ended = false;

  constructor(core: RaftMachine, writer: Writer, clock: Clock, output: DriverOutput) {
    this.#core = core;
    this.#writer = writer;
    this.#clock = clock;
    this.#output = output;
  }

  /** Something has changed; more of the kind may come in this turn. */
  wake(): void {
    this.#isDirty = true;
    if (this.#isInPass || this.#arranged !== "no") return;
    if (!this.#writer.isBusy) {
      this.wakeNow();
      return;
    }
    this.#arranged = "soon";
    this.#clock.soon(() => {
      if (this.#arranged === "soon") this.#arranged = "no";
      this.#pass();
    });
  }

  /** Something has changed that must not wait. */
  wakeNow(): void {
    this.#isDirty = true;
    if (this.#isInPass || this.#arranged === "now") return;
    this.#arranged = "now";
    queueMicrotask(() => {
      this.#arranged = "no";
      this.#pass();
    });
  }

  end(): void {
    this.#ended = true;
  }

  #pass(): void {
    if (this.#isInPass || !this.#isDirty || this.#ended) return;
    this.#isInPass = true;
    try {
      let count = 0;
      do {
        this.#isDirty = false;
        this.#output.begin();
        for (let ready = this.#core.ready(); ready && !this.#ended; ready = this.#core.ready()) {
          this.#handle(ready);
          count++;
        }
        this.#output.end();
      } while ((this.#isDirty || this.#core.hasReady()) && count < MAX_READYS_PER_PASS && !this.#ended);
    } catch (error) {
      this.#output.failed(error);
    } finally {
      this.#isInPass = false;
    }
    if (this.#ended) return;
    if (this.#isDirty || this.#core.hasReady()) this.wake();
    if (this.#core.hasCommitNews) this.#tellSoon();
  }

  #tellSoon(): void {
    if (this.#isTellingArranged) return;
    this.#isTellingArranged = true;
    this.#clock.soon(() => {
      this.#isTellingArranged = false;
      if (this.#ended) return;
      this.#core.tellCommit();
      this.#isDirty = true;
      this.#pass();
    });
  }

  #handle(ready: Ready): void {
    // Before the disk is asked for anything: heartbeats and entries for others are on their way while this member writes its own.
    if (ready.messages.length > 0) this.#output.send(ready.messages);
    const installed = this.#writer.write(ready);
    if (ready.committed.length > 0 || ready.snapshot) this.#output.toApply(ready, installed);
    if (ready.readStates.length > 0) this.#output.answered(ready.readStates);
  }
}
