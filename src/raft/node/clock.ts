/** Time and turns as a member sees them: injected, so that a simulation decides. */
export interface Clock {
  /** Milliseconds; only differences mean something, and nothing but comfort depends on them: all deadlines count ticks. */
  now(): number;
  /** Calls `action` once, `delayMs` from now. @returns a function that takes the call back */
  after(delayMs: number, action: () => void): () => void;
  /** Calls `action` once sockets and timers that are due have had their turn. */
  soon(action: () => void): void;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
  soon(action) {
    setImmediate(action);
  },
};

/** Chance, injected as well. */
export interface Random {
  /** That many random bytes. */
  bytes(count: number): Uint8Array;
  /** In [0, 1). */
  next(): number;
}
