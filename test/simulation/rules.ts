/** What must be true of any run, checked as it happens. The first breach is kept. */
import type { Message } from "../../src/api/generated/raftpb/raft.js";
import { MessageType } from "../../src/api/generated/raftpb/raft.js";
import type { Trace } from "./trace.js";

export interface Breach {
  readonly rule: string;
  readonly text: string;
}

interface GlobalEntry {
  readonly term: number;
  readonly data: Uint8Array;
}

/** Messages that only the leader of their term sends. */
const OF_LEADERS: ReadonlySet<MessageType> = new Set([
  MessageType.MsgApp,
  MessageType.MsgHeartbeat,
  MessageType.MsgSnap,
  MessageType.MsgTimeoutNow,
]);

export class Rules {
  readonly #trace: Trace;
  readonly #leaders = new Map<number, string>();
  readonly #log = new Map<number, GlobalEntry>();
  readonly #states = new Map<number, { readonly hash: number; readonly by: string }>();
  #breach: Breach | undefined;
  /** Greatest index that anybody has applied. */
  highest = 0;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  get breach(): Breach | undefined {
    return this.#breach;
  }

  broken(rule: string, text: string): void {
    if (this.#breach) return;
    this.#trace.note("!", `${rule}: ${text}`);
    this.#breach = { rule, text };
  }

  /** Terms that had a leader. */
  get terms(): number {
    return this.#leaders.size;
  }

  leads(id: string, term: number): void {
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, id);
    else if (known !== id) this.broken("one leader per term", `${known} and ${id} lead in term ${term}`);
  }

  sent(message: Message): void {
    const { type, from, to, term, index, commit } = message;
    this.#trace.mix(type);
    this.#trace.mix(term);
    this.#trace.mix(index);
    this.#trace.mix(commit);
    this.#trace.mix(Number(from) ^ (Number(to) << 8));
    if (OF_LEADERS.has(type)) this.leads(from, term);
  }

  applied(by: string, index: number, term: number, data: Uint8Array): void {
    this.#trace.mix(index);
    this.#trace.mix(data.length);
    const known = this.#log.get(index);
    if (!known) {
      if (index <= this.highest) {
        this.broken(
          "no entry is skipped",
          `${by} applies entry ${index}; others have applied ${this.highest} and never that one`,
        );
      }
      this.#log.set(index, { term, data });
      this.highest = Math.max(this.highest, index);
      return;
    }
    if (known.term !== term || Buffer.compare(known.data, data) !== 0) {
      this.broken(
        "committed entries never change",
        `${by} applies entry ${index} of term ${term} (${data.length} bytes): it was of term ${known.term} (${known.data.length} bytes)`,
      );
    }
  }

  /** A member's state was replaced by a snapshot's. */
  restored(by: string, before: number, index: number): void {
    this.#trace.note(
      by,
      before === 0 ? `begins with a snapshot of ${index}` : `goes from ${before} to a snapshot of ${index}`,
    );
  }

  /** A member's objects after it has taken in the entry. */
  state(by: string, index: number, hash: number): void {
    this.#trace.mix(hash);
    const known = this.#states.get(index);
    if (!known) this.#states.set(index, { hash, by });
    else if (known.hash !== hash) {
      this.broken("equal entries give equal states", `${by} and ${known.by} differ after entry ${index}`);
    }
  }
}
