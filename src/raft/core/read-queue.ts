import type { Message } from "../../api/generated/raftpb/raft.js";
import { NO_BYTES } from "./outgoing.js";

/** More than these reads never wait: further ones are dropped, and whoever asked asks again. */
const MAX_WAITING = 65_536;

/** A read that may be answered once a quorum has confirmed that its round's leader still leads. */
export interface WaitingRead {
  /** MsgReadIndex: from whom, and with which context. */
  readonly request: Message;
  /** What was committed when it came. */
  readonly index: number;
}

/**
 * Reads that wait for a round of heartbeats (thesis, section 6.4). They are numbered from 1 within a term; a heartbeat carries the
 * number of the newest one, and an answer to it confirms all up to there. So one round serves any number of reads.
 */
export class ReadQueue {
  /** Came before this leader had committed anything in its term, so that it does not know yet what is committed. */
  #early: Message[] = [];
  #waiting: WaitingRead[] = [];
  #confirmed = 0;
  /** Reads have come since the last round went out. */
  isRoundDue = false;

  get size(): number {
    return this.#early.length + this.#waiting.length;
  }

  get full(): boolean {
    return this.size >= MAX_WAITING;
  }

  clear(): void {
    this.#early = [];
    this.#waiting = [];
    this.#confirmed = 0;
    this.isRoundDue = false;
  }

  hold(request: Message): void {
    this.#early.push(request);
  }

  takeHeld(): readonly Message[] {
    const held = this.#early;
    this.#early = [];
    return held;
  }

  get hasHeld(): boolean {
    return this.#early.length > 0;
  }

  add(request: Message, index: number): void {
    this.#waiting.push({ request, index });
    this.isRoundDue = true;
  }

  /** Number of the newest read; 0 when none waits. */
  get newest(): number {
    return this.#waiting.length === 0 ? 0 : this.#confirmed + this.#waiting.length;
  }

  /** What a heartbeat carries; empty when no read waits. */
  roundContext(): Buffer {
    const { newest } = this;
    if (newest === 0) return NO_BYTES;
    const context = Buffer.allocUnsafe(8);
    context.writeUInt32LE(newest % 0x1_0000_0000, 0);
    context.writeUInt32LE(Math.floor(newest / 0x1_0000_0000), 4);
    return context;
  }

  /** A quorum has confirmed the round with this number. @returns the reads that may be answered */
  confirm(round: number): readonly WaitingRead[] {
    const count = Math.min(round - this.#confirmed, this.#waiting.length);
    if (count <= 0) return NONE;
    this.#confirmed += count;
    if (count < this.#waiting.length) return this.#waiting.splice(0, count);
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }
}

/** The number in a context; 0 when it is none. */
export function roundOf(context: Buffer): number {
  return context.length === 8 ? context.readUInt32LE(0) + context.readUInt32LE(4) * 0x1_0000_0000 : 0;
}

const NONE: readonly WaitingRead[] = [];
