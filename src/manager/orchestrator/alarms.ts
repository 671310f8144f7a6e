/** Times at which something is to be looked at again: the soonest first. */

interface Entry<T> {
  readonly atMs: number;
  readonly name: string;
  readonly value: T;
}

export class Alarms<T> {
  /** A heap: no entry is later than the two below it. */
  readonly #heap: Entry<T>[] = [];
  /** What holds of those in the heap: later wishes of the same name make earlier ones void. */
  readonly #valid = new Map<string, Entry<T>>();

  /** An earlier time of that name does not hold any more. */
  set(name: string, atMs: number, value: T): void {
    if (this.#valid.get(name)?.atMs === atMs) return;
    const entry = { atMs, name, value };
    this.#valid.set(name, entry);
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
  }

  /** When the next one is due; undefined when there is none. */
  get nextMs(): number | undefined {
    this.#dropVoid();
    return this.#heap[0]?.atMs;
  }

  /** Takes out all that are due. */
  take(nowMs: number): readonly T[] {
    const due: T[] = [];
    for (;;) {
      this.#dropVoid();
      const first = this.#heap[0];
      if (!first || first.atMs > nowMs) return due;
      this.#valid.delete(first.name);
      due.push(first.value);
      this.#removeFirst();
    }
  }

  #dropVoid(): void {
    for (let first = this.#heap[0]; first && this.#valid.get(first.name) !== first; first = this.#heap[0]) {
      this.#removeFirst();
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#heap[above]!.atMs <= this.#heap[at]!.atMs) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < this.#heap.length && this.#heap[below]!.atMs < this.#heap[least]!.atMs) least = below;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
