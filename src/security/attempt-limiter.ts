/**
 * How often somebody may be wrong: a bucket of tokens for each address. A wrong try takes one; they come back with time. Whoever has none
 * left is not listened to, right or wrong, so that guessing is slow however it is done; others notice nothing.
 */
import { addressOf } from "./peer-address.js";

export interface AttemptLimits {
  /** At once. */
  readonly burst: number;
  /** Until one more is allowed. */
  readonly refillMs: number;
  /** Remembered; of more, the one that was wrong longest ago is forgotten. */
  readonly addresses?: number;
}

const DEFAULT_ADDRESSES = 10_000;

interface Bucket {
  tokens: number;
  /** When the tokens were counted. */
  atMs: number;
}

export class AttemptLimiter {
  readonly #limits: AttemptLimits;
  readonly #now: () => number;
  /** In the order of their last attempts. */
  readonly #buckets = new Map<string, Bucket>();

  /** @param now milliseconds, of a clock that does not go back */
  constructor(limits: AttemptLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Nothing that comes from there is looked at now. @param peer "10.0.0.7:53210", or a socket's path */
  isBarred(peer: string): boolean {
    return this.#tokens(addressOf(peer)) < 1;
  }

  /** A wrong try came from there, or any, where each counts. */
  note(peer: string): void {
    const address = addressOf(peer);
    const tokens = Math.max(0, this.#tokens(address) - 1);
    this.#buckets.delete(address);
    this.#buckets.set(address, { tokens, atMs: this.#now() });
    this.#forget();
  }

  /** For what costs something also when it is right. @returns false when there have been too many */
  take(peer: string): boolean {
    if (this.isBarred(peer)) return false;
    this.note(peer);
    return true;
  }

  #tokens(address: string): number {
    const { burst, refillMs } = this.#limits;
    const bucket = this.#buckets.get(address);
    return bucket ? Math.min(burst, bucket.tokens + (this.#now() - bucket.atMs) / refillMs) : burst;
  }

  /** Whoever has all tokens back, from the oldest on, and one more where there are too many. */
  #forget(): void {
    for (const address of this.#buckets.keys()) {
      const isFull = this.#tokens(address) >= this.#limits.burst;
      if (!isFull && this.#buckets.size <= (this.#limits.addresses ?? DEFAULT_ADDRESSES)) return;
      this.#buckets.delete(address);
    }
  }
}
