/**
 * Merges sources that are in order, each by itself, into one order. Pure; holds what the sources have offered and no more: a source
 * offers again once its last offer is used up.
 *
 * Nothing is taken while a source is *awaited*, because its next item may come first. A source that has nothing at present *rests* and
 * holds up nobody; what it offers later comes out as soon as it can, even when others have overtaken it.
 */
export class OrderedMerge<T> {
  readonly #compare: (a: T, b: T) => number;
  /** A heap of the lanes that hold items, by their first. */
  readonly #heap: HeldLane<T>[] = [];
  #lanes = 0;
  #awaited = 0;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** Sources that hold up the others. */
  get awaited(): number {
    return this.#awaited;
  }

  /** Whether there is something to take. */
  get isReady(): boolean {
    return this.#awaited === 0 && this.#heap.length > 0;
  }

  /** Whether any item is held, ready or not. */
  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  /**
   * A further source, awaited at first.
   * @param usedUp called when the last of an offer was taken, within {@link take}: do not take there
   */
  open(usedUp: () => void): MergeLane<T> {
    this.#awaited++;
    return new HeldLane<T>(this.#lanes++, usedUp, {
      filled: (lane) => this.#push(lane),
      awaited: (by) => {
        this.#awaited += by;
      },
    });
  }

  /** The next items, at most so many; fewer when a source becomes awaited. */
  take(limit: number): T[] {
    const items: T[] = [];
    while (items.length < limit && this.isReady) {
      const lane = this.#heap[0]!;
      items.push(lane.shift());
      if (lane.isUsedUp) {
        this.#pop();
        lane.end();
      } else {
        this.#sink();
      }
    }
    return items;
  }

  #before(a: HeldLane<T>, b: HeldLane<T>): boolean {
    const order = this.#compare(a.first, b.first);
    return order < 0 || (order === 0 && a.number < b.number);
  }

  #push(lane: HeldLane<T>): void {
    const heap = this.#heap;
    let at = heap.push(lane) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (!this.#before(lane, heap[above]!)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = lane;
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #sink(): void {
    const heap = this.#heap;
    const lane = heap[0]!;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && this.#before(heap[below + 1]!, heap[below]!)) below++;
      if (!this.#before(heap[below]!, lane)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = lane;
  }
}

/** One source. What is said while it holds items counts once they are used up. */
export interface MergeLane<T> {
  /** Whether its last offer is not used up yet: then it must not offer. */
  readonly isFilled: boolean;
  readonly isAwaited: boolean;
  readonly isClosed: boolean;
  /** Its next items, in order. After them it is awaited again. */
  offer(items: readonly T[]): void;
  /** It has nothing at present: it is not waited for. */
  rest(): void;
  /** It will have something: it is waited for. */
  expect(): void;
  /** It has no more. */
  close(): void;
}

interface LaneOwner<T> {
  filled(lane: HeldLane<T>): void;
  awaited(by: 1 | -1): void;
}

class HeldLane<T> implements MergeLane<T> {
  readonly number: number;
  readonly #usedUp: () => void;
  readonly #owner: LaneOwner<T>;
  #items: readonly T[] = [];
  #at = 0;
  #isAwaited = true;
  /** What it is once it holds nothing. */
  #next: "awaited" | "resting" | "closed" = "awaited";

  constructor(number: number, usedUp: () => void, owner: LaneOwner<T>) {
    this.number = number;
    this.#usedUp = usedUp;
    this.#owner = owner;
  }

  get isFilled(): boolean {
    return this.#at < this.#items.length;
  }

  get isAwaited(): boolean {
    return this.#isAwaited;
  }

  get isClosed(): boolean {
    return this.#next === "closed" && !this.isFilled;
  }

  get isUsedUp(): boolean {
    return this.#at === this.#items.length;
  }

  get first(): T {
    return this.#items[this.#at]!;
  }

  offer(items: readonly T[]): void {
    if (this.isFilled) throw new Error("a source offers before its last offer is used up");
    if (this.#next === "closed") throw new Error("a source offers after its end");
    if (items.length === 0) return;
    this.#items = items;
    this.#at = 0;
    this.#next = "awaited";
    this.#setAwaited(false);
    this.#owner.filled(this);
  }

  rest(): void {
    this.#become("resting");
  }

  expect(): void {
    this.#become("awaited");
  }

  close(): void {
    this.#become("closed");
  }

  /** For the merge alone. */
  shift(): T {
    return this.#items[this.#at++]!;
  }

  /** For the merge alone. */
  end(): void {
    this.#items = [];
    this.#at = 0;
    this.#setAwaited(this.#next === "awaited");
    this.#usedUp();
  }

  #become(next: "awaited" | "resting" | "closed"): void {
    if (this.#next === "closed") return;
    this.#next = next;
    if (!this.isFilled) this.#setAwaited(next === "awaited");
  }

  #setAwaited(isAwaited: boolean): void {
    if (isAwaited === this.#isAwaited) return;
    this.#isAwaited = isAwaited;
    this.#owner.awaited(isAwaited ? 1 : -1);
  }
}
