/** Who wants to hear of something. One that fails does not keep it from the others. */
export class Listeners<T extends readonly unknown[]> {
  readonly #what: string;
  readonly #log: (line: string) => void;
  readonly #listeners = new Set<(...args: T) => void>();

  constructor(what: string, log: (line: string) => void) {
    this.#what = what;
    this.#log = log;
  }

  /** @returns a function that ends it */
  add(listener: (...args: T) => void): () => void {
    const own = (...args: T) => listener(...args);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  tell(...args: T): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(...args);
      } catch (error) {
        this.#log(`raft: a listener to ${this.#what} failed: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  }
}
