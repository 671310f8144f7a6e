/** The latest commits, so that a watcher that was away can hear what it missed. */
import type { Commit } from "./change.js";
import { HistoryError } from "./errors.js";

const MAX_EVENTS = 10_000;
/** Of the entries as they stand in the log. */
const MAX_BYTES = 8 * 1024 * 1024;
/** Forgotten commits are cut off the array when they are so many, and half of it. */
const MIN_CUT = 1024;

export class History {
  /** By version. Those before #head are forgotten. */
  #commits: (Commit | undefined)[] = [];
  #sizes: number[] = [];
  #head = 0;
  #events = 0;
  #bytes = 0;
  #floor = 0;

  /** Commits after this version are known. */
  get floor(): number {
    return this.#floor;
  }

  /** @param bytes that the commit takes in the log */
  add(commit: Commit, bytes: number): void {
    this.#commits.push(commit);
    this.#sizes.push(bytes);
    this.#events += commit.events.length;
    this.#bytes += bytes;
    while (this.#events > MAX_EVENTS || this.#bytes > MAX_BYTES) this.#forgetOldest();
    if (this.#head >= MIN_CUT && this.#head * 2 >= this.#commits.length) {
      this.#commits = this.#commits.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The state was replaced: nothing is known of what led to it. */
  reset(version: number): void {
    this.#commits = [];
    this.#sizes = [];
    this.#head = 0;
    this.#events = 0;
    this.#bytes = 0;
    this.#floor = version;
  }

  /**
   * @param version of a commit that the caller knows of
   * @param current version of the store
   * @returns all commits after it, oldest first
   * @throws HistoryError
   */
  after(version: number, current: number): readonly Commit[] {
    if (version > current) {
      throw new HistoryError("unknown-version", `version ${version} is not known here: the latest is ${current}`);
    }
    if (version < this.#floor) {
      throw new HistoryError(
        "compacted",
        `changes after version ${version} are compacted: they are known from version ${this.#floor} on; list the objects anew`,
      );
    }
    let low = this.#head;
    let high = this.#commits.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#commits[middle]!.version > version) high = middle;
      else low = middle + 1;
    }
    return this.#commits.slice(low) as Commit[];
  }

  #forgetOldest(): void {
    const oldest = this.#commits[this.#head]!;
    this.#commits[this.#head] = undefined;
    this.#floor = oldest.version;
    this.#events -= oldest.events.length;
    this.#bytes -= this.#sizes[this.#head]!;
    this.#head++;
  }
}
