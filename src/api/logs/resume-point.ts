/** How far somebody has read the logs of tasks, so that they can go on after a break: nothing twice, and what came meanwhile. */
import type { LogMessage } from "../generated/docker/swarmkit/v1/logbroker.js";
import type { Timestamp } from "../generated/google/protobuf/timestamp.js";
import { compareTimes, nanosOf, timestampOfNanos } from "./log-time.js";
import { isNotice } from "./notice.js";

/** One stream of one task. */
interface Read {
  /** Of the newest line. */
  time: Timestamp | undefined;
  /** Lines of that very time. */
  count: number;
  /** Of those, how many were seen again since a break; undefined once all were, and while there was none. */
  again: number | undefined;
}

/** Lines of several tasks may have overtaken each other by so much. */
const OVERLAP_NANOS = 5_000_000_000n;
/** Tasks that were replaced long ago are not needed any more. */
const MAX_READ = 10_000;

export class ResumePoint {
  readonly #read = new Map<string, Read>();
  #newest: Timestamp | undefined;

  /** Since when lines are to be asked for again; undefined when none was read. */
  get since(): Timestamp | undefined {
    if (!this.#newest) return undefined;
    const nanos = nanosOf(this.#newest) - OVERLAP_NANOS;
    return timestampOfNanos(nanos > 0n ? nanos : 0n);
  }

  /** From now on lines come that may have been read before, those of each stream in their order. */
  broke(): void {
    for (const read of this.#read.values()) read.again = 0;
  }

  /** @returns whether the line is new; it then counts as read */
  take(message: LogMessage): boolean {
    if (isNotice(message)) return true;
    const { timestamp } = message;
    const read = this.#of(message);
    const order = compareTimes(timestamp, read.time);
    if (read.again !== undefined) {
      if (order < 0) return false;
      if (order === 0 && read.again < read.count) {
        read.again++;
        return false;
      }
      read.again = undefined;
    }
    if (order > 0) {
      read.time = timestamp;
      read.count = 1;
    } else if (order === 0) {
      read.count++;
    }
    if (compareTimes(timestamp, this.#newest) > 0) this.#newest = timestamp;
    return true;
  }

  #of({ context, stream }: LogMessage): Read {
    const key = `${context?.taskId} ${stream}`;
    let read = this.#read.get(key);
    if (!read) {
      read = { time: undefined, count: 0, again: undefined };
      this.#read.set(key, read);
      if (this.#read.size > MAX_READ) this.#read.delete(this.#read.keys().next().value!);
    }
    return read;
  }
}
