/** Which subnets are whose: chosen ones are checked against all others, the rest come from the pools in order. */
import { AllocationError } from "./allocation-error.js";
import { formatRange, type Ipv4Range, overlaps } from "./ipv4-range.js";

export interface SubnetSource {
  readonly pool: Ipv4Range;
  /** Prefix length of the subnets that are cut from it. */
  readonly subnetLength: number;
}

interface Holding {
  readonly owner: string;
  readonly range: Ipv4Range;
}

export class SubnetPool {
  readonly #sources: readonly SubnetSource[];
  /** By first address; none overlaps another. */
  readonly #held: Holding[] = [];
  /** Where the search goes on: source and address. */
  #cursor = { source: 0, address: 0 };

  constructor(sources: readonly SubnetSource[]) {
    this.#sources = sources;
  }

  /** @returns who holds a subnet that overlaps this one */
  holderOf(range: Ipv4Range): string | undefined {
    return this.#overlapping(range)?.owner;
  }

  /** @throws AllocationError naming the holder */
  claim(owner: string, range: Ipv4Range): void {
    const holding = this.#overlapping(range);
    if (holding) {
      throw new AllocationError(
        `subnet ${formatRange(range)} overlaps ${formatRange(holding.range)} of network ${holding.owner}`,
      );
    }
    this.#held.splice(this.#position(range.first), 0, { owner, range });
  }

  /** Takes the next free subnet. @throws AllocationError when the pools are used up */
  take(owner: string): Ipv4Range {
    const range =
      this.#search(this.#cursor.source, this.#cursor.address, this.#sources.length) ??
      this.#search(0, 0, this.#cursor.source + 1);
    if (!range) throw new AllocationError("no free subnet is left in the cluster's address pools");
    this.claim(owner, range);
    return range;
  }

  release(owner: string): void {
    for (let i = this.#held.length - 1; i >= 0; i--) if (this.#held[i]!.owner === owner) this.#held.splice(i, 1);
  }

  #search(fromSource: number, fromAddress: number, endSource: number): Ipv4Range | undefined {
    for (let index = fromSource; index < endSource; index++) {
      const { pool, subnetLength } = this.#sources[index]!;
      const size = 2 ** (32 - subnetLength);
      let first = index === fromSource ? Math.max(fromAddress, pool.first) : pool.first;
      while (first + size - 1 <= pool.last) {
        const range = { first, last: first + size - 1, length: subnetLength };
        const holding = this.#overlapping(range);
        if (!holding) {
          this.#cursor = { source: index, address: first + size };
          return range;
        }
        // On to the first subnet behind the one in the way.
        first = pool.first + Math.ceil((holding.range.last + 1 - pool.first) / size) * size;
      }
    }
    return undefined;
  }

  #overlapping(range: Ipv4Range): Holding | undefined {
    const position = this.#position(range.first);
    return [this.#held[position - 1], this.#held[position]].find(
      (holding) => holding !== undefined && overlaps(holding.range, range),
    );
  }

  /** Index of the first holding that begins at or behind an address. */
  #position(address: number): number {
    let low = 0;
    let high = this.#held.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#held[middle]!.range.first < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
