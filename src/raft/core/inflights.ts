/** MsgApps that are on their way to one follower: a window, limited by count and by bytes. A ring that grows up to the limit. */
export class Inflights {
  /** Of each message the index of its last entry, and its bytes. */
  #indexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(
    private readonly maxMessages: number,
    private readonly maxBytes: number,
  ) {}

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing may be added. The bytes may pass the limit by one message, so that a large one gets through. */
  get full(): boolean {
    return this.#count >= this.maxMessages || this.#bytes >= this.maxBytes;
  }

  /** @param lastIndex greater than those of all messages before */
  add(lastIndex: number, bytes: number): void {
    if (this.full)
      throw new RangeError(`${this.#count} messages are on their way, and the limit is ${this.maxMessages}`);
    const capacity = this.#indexes.length;
    if (this.#count === capacity) this.#grow(Math.min(Math.max(2 * capacity, 4), this.maxMessages));
    const at = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** The follower has everything up to this index. */
  freeUpTo(index: number): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(capacity: number): void {
    const { length } = this.#indexes;
    const indexes = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#count; i++) {
      indexes[i] = this.#indexes[(this.#start + i) % length]!;
      sizes[i] = this.#sizes[(this.#start + i) % length]!;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
