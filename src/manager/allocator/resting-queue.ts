/** Numbers that rest, each as long as the others: who came first may go first. */

/** So many that are gone are cut off, when they are half of all. */
const MIN_CUT = 1024;

export class RestingQueue {
  #offsets: number[] = [];
  #untilMs: number[] = [];
  #head = 0;
  readonly #members = new Set<number>();

  /** When the first has rested; undefined when none rests. */
  get nextMs(): number | undefined {
    return this.#untilMs[this.#head];
  }

  has(offset: number): boolean {
    return this.#members.has(offset);
  }

  /** What rests already rests no longer for it. */
  push(offset: number, untilMs: number): void {
    if (this.#members.has(offset)) return;
    this.#members.add(offset);
    this.#offsets.push(offset);
    this.#untilMs.push(untilMs);
  }

  /** Takes out the first, if it has rested. */
  shift(nowMs: number): number | undefined {
    const untilMs = this.#untilMs[this.#head];
    if (untilMs === undefined || untilMs > nowMs) return undefined;
    const offset = this.#offsets[this.#head]!;
    this.#head++;
    this.#members.delete(offset);
    if (this.#head >= MIN_CUT && this.#head * 2 >= this.#offsets.length) {
      this.#offsets = this.#offsets.slice(this.#head);
      this.#untilMs = this.#untilMs.slice(this.#head);
      this.#head = 0;
    }
    return offset;
  }

  /** @returns whether it rested */
  delete(offset: number): boolean {
    if (!this.#members.delete(offset)) return false;
    const at = this.#offsets.indexOf(offset, this.#head);
    this.#offsets.splice(at, 1);
    this.#untilMs.splice(at, 1);
    return true;
  }
}
