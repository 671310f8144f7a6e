/**
 * A set of numbers 0…size-1 that finds its gaps fast: each level says which words of the level below are full.
 * Space grows with the members, time with the logarithm of the size.
 */
const FULL = 0xffffffff;

export class SparseBitmap {
  /** Words by index, from the finest level up. An absent word is 0. */
  readonly #levels: readonly Map<number, number>[];
  readonly size: number;

  /** @param size at most 2^32 */
  constructor(size: number) {
    this.size = size;
    const levels = [new Map<number, number>()];
    for (let width = Math.ceil(size / 32); width > 1; width = Math.ceil(width / 32)) levels.push(new Map());
    this.#levels = levels;
  }

  has(index: number): boolean {
    return ((this.#levels[0]!.get(index >>> 5) ?? 0) & (1 << (index & 31))) !== 0;
  }

  add(index: number): void {
    let position = index;
    for (const words of this.#levels) {
      const word = ((words.get(position >>> 5) ?? 0) | (1 << (position & 31))) >>> 0;
      words.set(position >>> 5, word);
      if (word !== FULL) return;
      position >>>= 5;
    }
  }

  delete(index: number): void {
    let position = index;
    for (const words of this.#levels) {
      const before = words.get(position >>> 5) ?? 0;
      const word = (before & ~(1 << (position & 31))) >>> 0;
      if (word === 0) words.delete(position >>> 5);
      else words.set(position >>> 5, word);
      if (before !== FULL) return;
      position >>>= 5;
    }
  }

  /** The smallest number in from…end-1 that is not in the set. */
  nextAbsent(from: number, end: number): number | undefined {
    if (from >= Math.min(end, this.size)) return undefined;
    const found = this.#nextClear(0, from);
    return found < Math.min(end, this.size) ? found : undefined;
  }

  /** The smallest number in from…end-1 that is in the set. Takes time with the distance. */
  nextPresent(from: number, end: number): number | undefined {
    const words = this.#levels[0]!;
    const limit = Math.min(end, this.size);
    for (let at = from; at < limit; at = (Math.floor(at / 32) + 1) * 32) {
      const word = ((words.get(at >>> 5) ?? 0) & (FULL << (at & 31))) >>> 0;
      if (word === 0) continue;
      const found = Math.floor(at / 32) * 32 + lowestBit(word);
      return found < limit ? found : undefined;
    }
    return undefined;
  }

  #nextClear(level: number, from: number): number {
    const words = this.#levels[level];
    if (!words) return Number.POSITIVE_INFINITY;
    const index = from >>> 5;
    const clear = (~(words.get(index) ?? 0) & (FULL << (from & 31))) >>> 0;
    if (clear !== 0) return index * 32 + lowestBit(clear);
    const next = this.#nextClear(level + 1, index + 1);
    return Number.isFinite(next) ? next * 32 + lowestBit(~(words.get(next) ?? 0) >>> 0) : next;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
