/** How long the last durable writes took. */
const KEPT = 1024;

export class SyncTimes {
  readonly #ms = new Float64Array(KEPT);
  #count = 0;

  add(ms: number): void {
    this.#ms[this.#count++ % KEPT] = ms;
  }

  /** @param share in [0, 1]: 0.5 is the median @returns 0 without any */
  percentile(share: number): number {
    const held = Math.min(this.#count, KEPT);
    if (held === 0) return 0;
    const sorted = this.#ms.slice(0, held).sort();
    return sorted[Math.min(held - 1, Math.floor(share * held))]!;
  }
}
