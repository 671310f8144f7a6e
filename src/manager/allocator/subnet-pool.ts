/** Which subnets are whose: chosen ones are checked against all others, the rest come from the pools in order. */
import { AllocationError } from "./allocation-error.js";
import { formatRange, type IpFamily, type IpRange, overlaps } from "./ip-range.js";

export interface SubnetSource {
  readonly pool: IpRange;
  /** Prefix length of the subnets that are cut from it. */
  readonly subnetLength: number;
}

interface Holding {
  readonly owner: string;
  readonly range: IpRange;
}

interface Cursor {
  readonly source: number;
  readonly address: bigint;
}

const START: Cursor = { source: 0, address: 0n };

export class SubnetPool {
  readonly #families: Readonly<Record<IpFamily, FamilySubnets>>;

  constructor(sources: readonly SubnetSource[]) {
    const of = (family: IpFamily) => new FamilySubnets(sources.filter(({ pool }) => pool.family === family));
    this.#families = { 4: of(4), 6: of(6) };
  }

  /** @returns who holds a subnet that overlaps this one */
  holderOf(range: IpRange): string | undefined {
    return this.#families[range.family].overlapping(range)?.owner;
  }

  /** @param nameOf the name that people know a holder by @throws AllocationError naming the holder */
  claim(owner: string, range: IpRange, nameOf: (owner: string) => string = (id) => id): void {
    const holding = this.#families[range.family].claim(owner, range);
    if (!holding) return;
    throw new AllocationError(
      `subnet ${formatRange(range)} overlaps ${formatRange(holding.range)} of network ${nameOf(holding.owner)}`,
    );
  }

  /** Takes the next free subnet. @throws AllocationError when the pools are used up */
  take(owner: string, family: IpFamily): IpRange {
    const range = this.#families[family].take(owner);
    if (!range) throw new AllocationError(`no free IPv${family} subnet is left in the cluster's address pools`);
    return range;
  }

  release(owner: string): void {
    for (const family of [4, 6] as const) this.#families[family].release(owner);
  }
}

class FamilySubnets {
  readonly #sources: readonly SubnetSource[];
  /** By first address; none overlaps another. */
  readonly #held: Holding[] = [];
  /** Where the search goes on: behind what was given out last. */
  #cursor = START;

  constructor(sources: readonly SubnetSource[]) {
    this.#sources = sources;
  }

  /** @returns what is in the way, if anything is */
  claim(owner: string, range: IpRange): Holding | undefined {
    const holding = this.overlapping(range);
    if (!holding) this.#held.splice(this.#position(range.first), 0, { owner, range });
    return holding;
  }

  take(owner: string): IpRange | undefined {
    const { source, address } = this.#cursor;
    const found = this.#search(source, address, this.#sources.length) ?? this.#search(0, 0n, source + 1);
    if (!found) return undefined;
    this.#cursor = { source: found.source, address: found.range.last + 1n };
    this.claim(owner, found.range);
    return found.range;
  }

  release(owner: string): void {
    for (let i = this.#held.length - 1; i >= 0; i--) if (this.#held[i]!.owner === owner) this.#held.splice(i, 1);
  }

  overlapping(range: IpRange): Holding | undefined {
    const position = this.#position(range.first);
    return [this.#held[position - 1], this.#held[position]].find(
      (holding) => holding !== undefined && overlaps(holding.range, range),
    );
  }

  #search(
    fromSource: number,
    fromAddress: bigint,
    endSource: number,
  ): { readonly source: number; readonly range: IpRange } | undefined {
    for (let source = fromSource; source < Math.min(endSource, this.#sources.length); source++) {
      const { pool, subnetLength } = this.#sources[source]!;
      const { family } = pool;
      const size = 1n << BigInt((family === 4 ? 32 : 128) - subnetLength);
      let first = source === fromSource && fromAddress > pool.first ? upTo(fromAddress, pool.first, size) : pool.first;
      while (first + size - 1n <= pool.last) {
        const range = { family, first, last: first + size - 1n, length: subnetLength };
        const holding = this.overlapping(range);
        if (!holding) return { source, range };
        // On to the first subnet behind the one in the way.
        first = upTo(holding.range.last + 1n, pool.first, size);
      }
    }
    return undefined;
  }

  /** Index of the first holding that begins at or behind an address. */
  #position(address: bigint): number {
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

/** The first address at or behind another that a subnet of a pool can begin with. */
function upTo(address: bigint, poolFirst: bigint, size: bigint): bigint {
  return poolFirst + ((address - poolFirst + size - 1n) / size) * size;
}
