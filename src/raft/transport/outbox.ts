/** What waits for one peer: two lanes, bounded. */
import { type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import { messageBytes } from "./batch-writer.js";
import type { TransportLimits } from "./limits.js";

/** Small, and of no use when they come late. Raft does not mind the order. */
const URGENT: ReadonlySet<MessageType> = new Set([
  MessageType.MsgHeartbeat,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgVote,
  MessageType.MsgVoteResp,
  MessageType.MsgPreVote,
  MessageType.MsgPreVoteResp,
  MessageType.MsgTimeoutNow,
  MessageType.MsgTransferLeader,
  MessageType.MsgReadIndex,
  MessageType.MsgReadIndexResp,
]);

export interface Batch {
  readonly messages: Message[];
  /** Encoded, each without its frame. */
  readonly sizes: number[];
}

export class Outbox {
  readonly #limits: TransportLimits;
  readonly #urgent = new Lane();
  readonly #bulk = new Lane();
  #dropped = 0;

  constructor(limits: TransportLimits) {
    this.#limits = limits;
  }

  get messages(): number {
    return this.#urgent.length + this.#bulk.length;
  }

  get bytes(): number {
    return this.#urgent.bytes + this.#bulk.bytes;
  }

  /** Messages that were not sent, since the beginning. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @returns false when it was dropped */
  push(message: Message): boolean {
    const size = messageBytes(message);
    const isUrgent = URGENT.has(message.type);
    if (isUrgent && this.#urgent.replaceHeartbeat(message, size)) return true;
    const lane = isUrgent ? this.#urgent : this.#bulk;
    const { urgentMessages, queueMessages, queueBytes } = this.#limits;
    if (lane.length >= (isUrgent ? urgentMessages : queueMessages) || (!isUrgent && lane.bytes + size > queueBytes)) {
      this.#dropped++;
      return false;
    }
    lane.push(message, size);
    return true;
  }

  /** The next batch: what is urgent first. At least one message when there is any. */
  take(maxBytes: number): Batch {
    const batch: Batch = { messages: [], sizes: [] };
    const left = this.#urgent.move(batch, maxBytes);
    this.#bulk.move(batch, left);
    return batch;
  }

  clear(): void {
    this.#dropped += this.messages;
    this.#urgent.clear();
    this.#bulk.clear();
  }

  /** Counts messages that were taken and did not arrive. */
  lost(count: number): void {
    this.#dropped += count;
  }
}

/** First in, first out, at constant cost. */
class Lane {
  #messages: Message[] = [];
  #sizes: number[] = [];
  #head = 0;
  bytes = 0;

  get length(): number {
    return this.#messages.length - this.#head;
  }

  push(message: Message, size: number): void {
    this.#messages.push(message);
    this.#sizes.push(size);
    this.bytes += size;
  }

  /**
   * A heartbeat says all that an older one of the same term says, but for a read that waits for an answer to just that one.
   * @returns whether it took an older one's place
   */
  replaceHeartbeat(message: Message, size: number): boolean {
    const { type, term } = message;
    if (type !== MessageType.MsgHeartbeat && type !== MessageType.MsgHeartbeatResp) return false;
    for (let at = this.#messages.length - 1; at >= this.#head; at--) {
      const old = this.#messages[at]!;
      if (old.type !== type) continue;
      if (old.term !== term || (old.context.length > 0 && !old.context.equals(message.context))) return false;
      this.bytes += size - this.#sizes[at]!;
      this.#messages[at] = message;
      this.#sizes[at] = size;
      return true;
    }
    return false;
  }

  /** @returns how many of the bytes are left */
  move(to: Batch, maxBytes: number): number {
    let left = maxBytes;
    while (this.#head < this.#messages.length) {
      const size = this.#sizes[this.#head]!;
      if (size > left && to.messages.length > 0) {
        left = 0;
        break;
      }
      to.messages.push(this.#messages[this.#head]!);
      to.sizes.push(size);
      this.#head++;
      this.bytes -= size;
      left -= size;
    }
    this.#shrink();
    return Math.max(left, 0);
  }

  clear(): void {
    this.#messages = [];
    this.#sizes = [];
    this.#head = 0;
    this.bytes = 0;
  }

  #shrink(): void {
    if (this.#head === this.#messages.length) {
      if (this.#head > 0) this.clear();
    } else if (this.#head >= 64 && this.#head * 2 >= this.#messages.length) {
      this.#messages.splice(0, this.#head);
      this.#sizes.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
