/**
 * Deadlines of many, most of which are put off again and again before they come: putting one off writes down a number and no more. Pure.
 *
 * Time is cut into slots. A key lies in one slot, which may be too early for it by now: it is moved on when that slot comes.
 */

interface Entry<Key> {
  readonly key: Key;
  dueMs: number;
  /** The slot that it lies in. */
  slot: number;
}

export class DeadlineWheel<Key> {
  readonly #slotMs: number;
  readonly #entries = new Map<Key, Entry<Key>>();
  readonly #slots = new Map<number, Set<Entry<Key>>>();
  /** The numbers of all slots, the least first: a heap. */
  readonly #order: number[] = [];

  /** @param slotMs so much late a deadline may be seen */
  constructor(slotMs: number) {
    this.#slotMs = slotMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  dueOf(key: Key): number | undefined {
    return this.#entries.get(key)?.dueMs;
  }

  keys(): Iterable<Key> {
    return this.#entries.keys();
  }

  set(key: Key, dueMs: number): void {
    const slot = Math.ceil(dueMs / this.#slotMs);
    const known = this.#entries.get(key);
    if (!known) {
      const entry = { key, dueMs, slot };
      this.#entries.set(key, entry);
      this.#place(entry);
      return;
    }
    known.dueMs = dueMs;
    if (slot >= known.slot) return;
    this.#unplace(known);
    known.slot = slot;
    this.#place(known);
  }

  delete(key: Key): boolean {
    const known = this.#entries.get(key);
    if (!known) return false;
    this.#entries.delete(key);
    this.#unplace(known);
    return true;
  }

  /** When to look again, at the latest; undefined when there is nothing. */
  get nextMs(): number | undefined {
    this.#dropEmpty();
    const [slot] = this.#order;
    return slot === undefined ? undefined : slot * this.#slotMs;
  }

  /** Takes out what is due, the slots in their order. */
  take(nowMs: number): readonly Key[] {
    const due: Key[] = [];
    for (;;) {
      this.#dropEmpty();
      const [slot] = this.#order;
      if (slot === undefined || slot * this.#slotMs > nowMs) return due;
      const entries = this.#slots.get(slot)!;
      this.#dropFirst(slot);
      for (const entry of entries) {
        if (entry.dueMs <= nowMs) {
          this.#entries.delete(entry.key);
          due.push(entry.key);
        } else {
          entry.slot = Math.ceil(entry.dueMs / this.#slotMs);
          this.#place(entry);
        }
      }
    }
  }

  #place(entry: Entry<Key>): void {
    const entries = this.#slots.get(entry.slot);
    if (entries) {
      entries.add(entry);
      return;
    }
    this.#slots.set(entry.slot, new Set([entry]));
    push(this.#order, entry.slot);
  }

  /** A slot that is empty now stays until it is the first. */
  #unplace(entry: Entry<Key>): void {
    this.#slots.get(entry.slot)!.delete(entry);
  }

  #dropEmpty(): void {
    for (let slot = this.#order[0]; slot !== undefined && this.#slots.get(slot)!.size === 0; slot = this.#order[0]) {
      this.#dropFirst(slot);
    }
  }

  #dropFirst(slot: number): void {
    this.#slots.delete(slot);
    pop(this.#order);
  }
}

function push(heap: number[], value: number): void {
  let at = heap.length;
  heap.push(value);
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (heap[above]! <= value) break;
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = value;
}

function pop(heap: number[]): void {
  const last = heap.pop()!;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    if (left >= heap.length) break;
    const least = left + 1 < heap.length && heap[left + 1]! < heap[left]! ? left + 1 : left;
    if (heap[least]! >= last) break;
    heap[at] = heap[least]!;
    at = least;
  }
  heap[at] = last;
}
