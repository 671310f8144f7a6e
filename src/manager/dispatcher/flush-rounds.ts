/**
 * When to send what has changed: once it has been quiet for a moment, or when the first change has waited long enough; and not all at
 * once, so that nothing else has to wait for it.
 */

const QUIET_MS = 10;
const LATEST_MS = 50;
/** So long in one go. */
const TURN_MS = 4;

interface Waiting {
  readonly firstMs: number;
  lastMs: number;
}

/** Which of many have something to send, and since when. Pure. */
export class Debounce<Key> {
  readonly #waiting = new Map<Key, Waiting>();

  get size(): number {
    return this.#waiting.size;
  }

  note(key: Key, nowMs: number): void {
    const waiting = this.#waiting.get(key);
    if (waiting) waiting.lastMs = nowMs;
    else this.#waiting.set(key, { firstMs: nowMs, lastMs: nowMs });
  }

  delete(key: Key): void {
    this.#waiting.delete(key);
  }

  /** Those whose time has come, the longest waiting first. */
  due(nowMs: number): readonly Key[] {
    const due: Key[] = [];
    for (const [key, { firstMs, lastMs }] of this.#waiting) {
      if (nowMs - lastMs >= QUIET_MS || nowMs - firstMs >= LATEST_MS) due.push(key);
    }
    return due;
  }
}

/** Pacing of I/O only: no decision depends on it. */
export class FlushRounds<Key> {
  readonly #send: (key: Key) => void;
  readonly #debounce = new Debounce<Key>();
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #stopped = false;

  /** @param send sends all that there is to send to one */
  constructor(send: (key: Key) => void) {
    this.#send = send;
  }

  /** There is something to send. */
  note(key: Key): void {
    if (this.#stopped) return;
    this.#debounce.note(key, performance.now());
    this.#arm();
  }

  /** There is nothing to send any more. */
  delete(key: Key): void {
    this.#debounce.delete(key);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
  }

  #arm(): void {
    if (this.#timer || this.#turn || this.#stopped || this.#debounce.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#round(this.#debounce.due(performance.now()), 0);
    }, QUIET_MS);
  }

  #round(due: readonly Key[], from: number): void {
    const begunMs = performance.now();
    let i = from;
    while (i < due.length && performance.now() - begunMs < TURN_MS) {
      const key = due[i++]!;
      this.#debounce.delete(key);
      this.#send(key);
    }
    if (i === due.length) {
      this.#arm();
      return;
    }
    this.#turn = setImmediate(() => {
      this.#turn = undefined;
      this.#round(due, i);
    });
  }
}
