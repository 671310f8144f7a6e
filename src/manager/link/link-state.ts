/** One linked agent: what it wants to hear, what it was sent, what it has applied. */
export class LinkState {
  readonly nodeId: string;
  #networkIds: ReadonlySet<string> = new Set();
  #needsEverything = true;
  /** Revisions that were sent and are not known to be applied, ascending. */
  #outstanding: number[] = [];

  constructor(nodeId: string) {
    this.nodeId = nodeId;
  }

  get networkIds(): ReadonlySet<string> {
    return this.#networkIds;
  }

  get needsEverything(): boolean {
    return this.#needsEverything;
  }

  subscribe(networkIds: readonly string[]): void {
    this.#networkIds = new Set(networkIds);
    this.#needsEverything = true;
  }

  needEverything(): void {
    this.#needsEverything = true;
  }

  sent(revision: number): void {
    // A complete update carries all that earlier ones did.
    if (this.#needsEverything) this.#outstanding = [];
    this.#needsEverything = false;
    this.#outstanding.push(revision);
  }

  applied(revision: number): void {
    this.#outstanding = this.#outstanding.filter((sent) => sent > revision);
  }

  /** Whether nothing that was sent up to `revision` is still on its way. */
  has(revision: number): boolean {
    if (this.#needsEverything) return false;
    const oldest = this.#outstanding[0];
    return oldest === undefined || oldest > revision;
  }
}
