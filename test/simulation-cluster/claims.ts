/** Who holds what of which there is one: a second holder is a breach. */
export class Claims {
  readonly #what: string;
  readonly #twice: (text: string) => void;
  readonly #holders = new Map<string, string>();
  readonly #held = new Map<string, readonly string[]>();

  /** @param what for people: "an address" */
  constructor(what: string, twice: (text: string) => void) {
    this.#what = what;
    this.#twice = twice;
  }

  get size(): number {
    return this.#holders.size;
  }

  entries(): Iterable<[thing: string, holder: string]> {
    return this.#holders;
  }

  release(holder: string): void {
    for (const thing of this.#held.get(holder) ?? []) {
      if (this.#holders.get(thing) === holder) this.#holders.delete(thing);
    }
    this.#held.delete(holder);
  }

  /** After {@link release}. */
  claim(holder: string, things: readonly string[]): void {
    if (things.length === 0) return;
    for (const thing of things) {
      const other = this.#holders.get(thing);
      if (other !== undefined) this.#twice(`${this.#what}: ${thing} is ${other}'s and ${holder}'s`);
      this.#holders.set(thing, holder);
    }
    this.#held.set(holder, things);
  }
}
