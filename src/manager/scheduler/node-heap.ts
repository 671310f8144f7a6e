/**
 * A heap of nodes by their rows, in which any of them can move or leave. What decides stands in columns that several heaps share:
 * a node is in one of them at most.
 */
const OUTSIDE = -1;
const MIN_ROWS = 64;

export class NodeColumns {
  rows = 0;
  /** Decide in this order; the lower is the better. */
  first = new Float64Array(0);
  second = new Float64Array(0);
  third = new Float64Array(0);
  /** In its heap. */
  position = new Int32Array(0);

  /** Makes place for rows below `count`. */
  grow(count: number): void {
    if (count <= this.rows) return;
    const rows = Math.max(count, this.rows * 2, MIN_ROWS);
    const wider = <A extends { set(from: A): void }>(made: A, from: A): A => {
      made.set(from);
      return made;
    };
    this.first = wider(new Float64Array(rows), this.first);
    this.second = wider(new Float64Array(rows), this.second);
    this.third = wider(new Float64Array(rows), this.third);
    this.position = wider(new Int32Array(rows).fill(OUTSIDE), this.position);
    this.rows = rows;
  }
}

export class NodeHeap {
  readonly #columns: NodeColumns;
  readonly #items: number[] = [];

  constructor(columns: NodeColumns) {
    this.#columns = columns;
  }

  get size(): number {
    return this.#items.length;
  }

  /** The best; undefined when it is empty. */
  get top(): number | undefined {
    return this.#items[0];
  }

  has(row: number): boolean {
    return this.#columns.position[row] !== OUTSIDE;
  }

  /** In no order. */
  [Symbol.iterator](): IterableIterator<number> {
    return this.#items.values();
  }

  /** Puts the node where its columns say, whether it was here or not. */
  place(row: number): void {
    const { position } = this.#columns;
    if (position[row] === OUTSIDE) {
      position[row] = this.#items.length;
      this.#items.push(row);
      this.#rise(row);
    } else if (!this.#rise(row)) {
      this.#sink(row);
    }
  }

  remove(row: number): void {
    const { position } = this.#columns;
    const at = position[row]!;
    if (at === OUTSIDE) return;
    position[row] = OUTSIDE;
    const last = this.#items.pop()!;
    if (last === row) return;
    this.#items[at] = last;
    position[last] = at;
    if (!this.#rise(last)) this.#sink(last);
  }

  #isBefore(a: number, b: number): boolean {
    const { first, second, third } = this.#columns;
    if (first[a] !== first[b]) return first[a]! < first[b]!;
    if (second[a] !== second[b]) return second[a]! < second[b]!;
    if (third[a] !== third[b]) return third[a]! < third[b]!;
    return a < b;
  }

  /** @returns whether it moved */
  #rise(row: number): boolean {
    const items = this.#items;
    const { position } = this.#columns;
    const start = position[row]!;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = items[parent]!;
      if (!this.#isBefore(row, other)) break;
      items[at] = other;
      position[other] = at;
      at = parent;
    }
    items[at] = row;
    position[row] = at;
    return at !== start;
  }

  #sink(row: number): void {
    const items = this.#items;
    const { position } = this.#columns;
    let at = position[row]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#isBefore(items[child + 1]!, items[child]!)) child++;
      const other = items[child]!;
      if (!this.#isBefore(other, row)) break;
      items[at] = other;
      position[other] = at;
      at = child;
    }
    items[at] = row;
    position[row] = at;
  }
}
