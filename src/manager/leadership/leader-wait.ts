/** An election takes a moment: who comes in it waits, as long as it takes where all is well and no longer. */
export class LeaderWait {
  readonly #hasLeader: () => boolean;
  readonly #patienceMs: number;
  #change: Promise<void> = Promise.resolve();
  #changed: () => void = () => {};
  /** When it was last known who leads, by performance.now(). */
  #leaderSeenAt = performance.now();
  /** Nobody waits for a leader's successor beyond it; renewed by every change. */
  #giveUpAt: number | undefined;

  /** @param hasLeader whether calls can be served, here or by another @param patienceMs after which nobody waits any more, until there is a leader again */
  constructor(hasLeader: () => boolean, patienceMs: number) {
    this.#hasLeader = hasLeader;
    this.#patienceMs = patienceMs;
    this.#renew();
  }

  /** To be called whenever the answer of hasLeader may be another. */
  look(): void {
    if (this.#hasLeader()) this.#leaderSeenAt = performance.now();
    this.#giveUpAt = undefined;
    this.#changed();
    this.#renew();
  }

  /** undefined when there is nothing to wait for; else resolves when there is a leader, or patience is at its end. */
  wait(): Promise<void> | undefined {
    if (this.#hasLeader()) {
      this.#leaderSeenAt = performance.now();
      return undefined;
    }
    const leftMs = this.#leaderSeenAt + this.#patienceMs - performance.now();
    return leftMs > 0 ? this.#until(leftMs) : undefined;
  }

  /**
   * For who has found the leader out of reach.
   * @returns resolves when something about leadership has changed, or patience is at its end; undefined once it is, until something changes
   */
  waitForChange(): Promise<void> | undefined {
    this.#giveUpAt ??= performance.now() + this.#patienceMs;
    const leftMs = this.#giveUpAt - performance.now();
    if (leftMs <= 0) return undefined;
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(() => resolve(), leftMs);
    });
    return Promise.race([this.#change, over]).finally(() => clearTimeout(timer));
  }

  /** Nobody waits any more. */
  stop(): void {
    this.#leaderSeenAt = Number.NEGATIVE_INFINITY;
    this.#giveUpAt = Number.NEGATIVE_INFINITY;
    this.#changed();
  }

  async #until(leftMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(() => resolve(), leftMs);
    });
    const giveUpAt = performance.now() + leftMs;
    while (!this.#hasLeader() && performance.now() < giveUpAt && this.#leaderSeenAt > 0) {
      await Promise.race([this.#change, over]);
    }
    clearTimeout(timer);
  }

  #renew(): void {
    this.#change = new Promise((resolve) => {
      this.#changed = resolve;
    });
  }
}
