/** One write for all that ask for one while another is under way: each asker's change is in the write that it waits for. */
export class GatheredWrites {
  readonly #write: () => Promise<void>;
  #underWay: Promise<void> = Promise.resolve();
  /** The one after that. It takes what there is when it begins. */
  #next: Promise<void> | undefined;

  /** @param write writes all that there is at the moment of the call */
  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when what there is now is written. @throws what the write throws; the next one is tried all the same */
  request(): Promise<void> {
    this.#next ??= this.#underWay.then(() => {
      this.#next = undefined;
      const done = this.#write();
      this.#underWay = done.catch(() => {});
      return done;
    });
    return this.#next;
  }
}
