/** One linked agent: what it wants to hear, what it was sent, what it has applied. */
export class LinkState {
  readonly nodeId: string;
  #networkIds: ReadonlySet<string> = new Set();
  #needsEverything = true;
  /** What was sent and is not known to be applied: a complete update carries every revision up to its own. */
  #outstanding: { readonly first: number; readonly revision: number }[] = [];

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
    if (this.#needsEverything) this.#outstanding = [{ first: 0, revision }];
    else this.#outstanding.push({ first: revision, revision });
    this.#needsEverything = false;
  }

  applied(revision: number): void {
    this.#outstanding = this.#outstanding.filter((sent) => sent.revision > revision);
  }

  /** Whether nothing that was sent up to `revision` is still on its way. */
  has(revision: number): boolean {
    return !this.#needsEverything && this.#outstanding.every((sent) => sent.first > revision);
  }
}
