/**
 * Numbers 0…size-1, given out one after the other. One that comes back rests for a while before it is given out again, so that no node
 * still holds a path to whoever had it before.
 *
 * That holds over a change of the leader, who cannot know what came back just before: some numbers that have rested are *spare*. Their
 * list is written down where the next leader finds it, and none of them is given out before a shorter list is written. A pool that is
 * restored gives out its spare ones alone until all others have rested for certain.
 */
import { AllocationError } from "./allocation-error.js";
import { type OffsetRange, OffsetRanges } from "./offset-ranges.js";
import { RestingQueue } from "./resting-queue.js";
import { SparseBitmap } from "./sparse-bitmap.js";

export const ADDRESS_REST_MS = 60_000;
export const RESTING = "the address was in use a moment ago, and rests for a minute";
/** At most as many are spare, and half of what is free. */
const MAX_SPARE = 16_384;
const SPARE_SHARE = 2;
/** In which spare ones are looked for. */
const MAX_STEPS = 256;
/** So that the list stays short. */
const MAX_SPARE_RANGES = 128;

export class OffsetPool {
  readonly size: number;
  /** Held, resting, spare, or never given out. */
  readonly #taken: SparseBitmap;
  /** What came back, and until when it rests. */
  readonly #resting = new RestingQueue();
  readonly #spare = new OffsetRanges();
  /** As text; made when it is asked for. */
  #spareText: string | undefined;
  /** Not taken, and not spare any more; a pool that is restored gives them out until it knows more. */
  #rested = new OffsetRanges();
  /** What else is not taken rests until then, for all that is known. */
  #restingUntilMs = Number.NEGATIVE_INFINITY;
  /** Not taken. */
  #free: number;
  #cursor = 0;
  /** How many were wanted and found when spare ones were chosen last. */
  #chosen = { wanted: 0, found: 0 };

  /** @param size at most 2^32 @param excluded what is never given out */
  constructor(size: number, excluded: readonly number[]) {
    this.size = size;
    this.#taken = new SparseBitmap(size);
    for (const offset of excluded) this.#taken.add(offset);
    this.#free = size - new Set(excluded).size;
  }

  /** The pool of a new network: nobody has used any of it. */
  begin(): void {
    this.#chooseSpare();
  }

  /** The spare ones, to be written down together with what was given out: "4-19,33". */
  get spare(): string {
    this.#spareText ??= this.#spare.toString();
    return this.#spareText;
  }

  /** How many can be given out now. */
  available(nowMs: number): number {
    this.#wake(nowMs);
    return this.#spare.count + (this.#knowsLittle(nowMs) ? this.#rested.count : this.#free);
  }

  /**
   * The pool of an earlier leader. What is held is claimed afterwards.
   * @param spare as it was written; what cannot be read counts as none
   */
  restore(spare: string, nowMs: number): void {
    this.#restingUntilMs = nowMs + ADDRESS_REST_MS;
    const written = OffsetRanges.parse(spare, this.size);
    if (!written || written.count > MAX_SPARE) return;
    for (const [first, last] of written.ranges) {
      if (this.#taken.nextPresent(first, last + 1) === undefined) this.#keep([first, last]);
    }
  }

  /** @returns the next one; undefined when there is none now */
  take(nowMs: number): number | undefined {
    this.#wake(nowMs);
    const offset = this.#knowsLittle(nowMs) ? this.#nextRested() : this.#next();
    if (offset === undefined) return undefined;
    this.#taken.add(offset);
    this.#free--;
    this.#cursor = offset + 1;
    return offset;
  }

  /** Takes note of one that is in use. @throws AllocationError when it is taken already */
  claim(offset: number): void {
    if (this.#taken.has(offset)) {
      if (this.#spare.delete(offset)) this.#spareText = undefined;
      else if (!this.#resting.delete(offset)) throw new AllocationError("the address is in use");
      this.#free++;
    }
    if (this.#rested.count > 0) this.#rested.delete(offset);
    this.#taken.add(offset);
    this.#free--;
    this.#cursor = Math.max(this.#cursor, offset + 1);
  }

  /** Takes a certain one that was asked for. @throws AllocationError when it is in use, or rests */
  takeChosen(offset: number, nowMs: number): void {
    this.#wake(nowMs);
    const isResting = this.#knowsLittle(nowMs) && !this.#spare.has(offset) && !this.#rested.has(offset);
    if (this.#resting.has(offset) || (isResting && !this.#taken.has(offset))) {
      throw new AllocationError(RESTING);
    }
    const cursor = this.#cursor;
    this.claim(offset);
    this.#cursor = cursor;
  }

  /** Gives back what nobody has used: it need not rest. */
  giveBack(offset: number, nowMs: number): void {
    if (!this.#taken.has(offset)) return;
    this.#taken.delete(offset);
    this.#free++;
    if (this.#knowsLittle(nowMs)) this.#rested.add([offset, offset]);
  }

  release(offset: number, nowMs: number): void {
    if (this.#taken.has(offset)) this.#resting.push(offset, nowMs + ADDRESS_REST_MS);
  }

  /** When more of them can be given out; undefined when none rests. */
  nextWakeMs(nowMs: number): number | undefined {
    this.#wake(nowMs);
    if (this.#knowsLittle(nowMs)) return this.#restingUntilMs;
    return this.#resting.nextMs;
  }

  #wake(nowMs: number): void {
    if (this.#rested.count > 0 && !this.#knowsLittle(nowMs)) this.#rested = new OffsetRanges();
    for (let offset = this.#resting.shift(nowMs); offset !== undefined; offset = this.#resting.shift(nowMs)) {
      this.#taken.delete(offset);
      this.#free++;
    }
  }

  /** An earlier leader may have taken back whatever is not known to have rested. */
  #knowsLittle(nowMs: number): boolean {
    return nowMs < this.#restingUntilMs;
  }

  #next(): number | undefined {
    const wanted = this.#wantedSpare();
    const { found, wanted: before } = this.#chosen;
    if (this.#spare.count * 2 < Math.min(wanted, found) || wanted > before * 2) this.#chooseSpare();
    if (this.#free === 0) this.#drop(this.#halfOfSpare());
    const { size } = this;
    return this.#taken.nextAbsent(this.#cursor, size) ?? this.#taken.nextAbsent(0, Math.min(this.#cursor, size));
  }

  #nextRested(): number | undefined {
    if (this.#rested.count === 0) for (const range of this.#drop(this.#halfOfSpare())) this.#rested.add(range);
    const [range] = this.#rested.shift(1);
    return range?.[0];
  }

  #halfOfSpare(): readonly OffsetRange[] {
    this.#spareText = undefined;
    return this.#spare.shift(Math.ceil(this.#spare.count / 2));
  }

  #wantedSpare(): number {
    return Math.min(MAX_SPARE, Math.floor((this.#free + this.#spare.count) / SPARE_SHARE));
  }

  /** From the end on downwards, away from what is given out first. */
  #chooseSpare(): void {
    const wanted = this.#wantedSpare();
    const step = Math.max(1, wanted >> 3, Math.floor(this.size / MAX_STEPS));
    for (let end = this.size; end > 0 && this.#isShort(wanted); end -= step) {
      this.#chooseBetween(Math.max(0, end - step), end, wanted);
    }
    this.#chosen = { wanted, found: this.#spare.count };
  }

  #chooseBetween(start: number, end: number, wanted: number): void {
    for (let offset = start; this.#isShort(wanted); ) {
      const first = this.#taken.nextAbsent(offset, end);
      if (first === undefined) return;
      const limit = Math.min(end, first + wanted - this.#spare.count);
      offset = this.#taken.nextPresent(first, limit) ?? limit;
      this.#keep([first, offset - 1]);
    }
  }

  #isShort(wanted: number): boolean {
    return this.#spare.count < wanted && this.#spare.ranges.length < MAX_SPARE_RANGES;
  }

  #keep([first, last]: OffsetRange): void {
    this.#spareText = undefined;
    this.#spare.add([first, last]);
    for (let offset = first; offset <= last; offset++) this.#taken.add(offset);
    this.#free -= last - first + 1;
  }

  #drop(ranges: readonly OffsetRange[]): readonly OffsetRange[] {
    for (const [first, last] of ranges) {
      for (let offset = first; offset <= last; offset++) this.#taken.delete(offset);
      this.#free += last - first + 1;
    }
    return ranges;
  }
}
