/**
 * Tasks that failed within the last minutes, by node and version of a service: a node on which a service keeps failing comes last for
 * it. They are not lost with the tasks; a new leader finds those of which the store still has the task.
 */
import type { NodeEntry } from "./node-entry.js";

/** SwarmKit's: so many within so long make a node come last. */
export const MANY_FAILURES = 5;
const WINDOW_MS = 5 * 60_000;
/** The oldest are forgotten first. */
const MAX_FAILURES = 100_000;

interface Failure {
  readonly atMs: number;
  readonly entry: NodeEntry;
  readonly version: string;
}

/** The service and the version of its specification; another version has not failed yet. */
export function versionKey(serviceId: string, specVersion: number | undefined): string {
  return `${serviceId}/${specVersion ?? ""}`;
}

/** How far behind the others the node stands for this version: 0 unless it fails again and again. */
export function failureRank(entry: NodeEntry, version: string): number {
  const count = entry.failures?.get(version) ?? 0;
  return count >= MANY_FAILURES ? count : 0;
}

export class RecentFailures {
  /** By time. */
  readonly #failures: Failure[] = [];
  #first = 0;
  readonly #onChange: (entry: NodeEntry) => void;

  /** @param onChange the rank of a node for some service may be another */
  constructor(onChange: (entry: NodeEntry) => void) {
    this.#onChange = onChange;
  }

  record(entry: NodeEntry, version: string, atMs: number, nowMs: number): void {
    if (atMs <= nowMs - WINDOW_MS) return;
    let at = this.#failures.length;
    // What a new leader reads comes in any order.
    while (at > this.#first && this.#failures[at - 1]!.atMs > atMs) at--;
    // A clock ahead of ours must not make a failure stay.
    this.#failures.splice(at, 0, { atMs: Math.min(atMs, nowMs), entry, version });
    count(entry, version, 1);
    this.#onChange(entry);
    if (this.#failures.length - this.#first > MAX_FAILURES) this.#forgetFirst();
  }

  expire(nowMs: number): void {
    while (this.#first < this.#failures.length && this.#failures[this.#first]!.atMs <= nowMs - WINDOW_MS) {
      this.#forgetFirst();
    }
    if (this.#first > 1000 && this.#first * 2 > this.#failures.length) {
      this.#failures.splice(0, this.#first);
      this.#first = 0;
    }
  }

  #forgetFirst(): void {
    const { entry, version } = this.#failures[this.#first++]!;
    count(entry, version, -1);
    this.#onChange(entry);
  }
}

function count(entry: NodeEntry, version: string, sign: 1 | -1): void {
  const counts = entry.failures ?? new Map<string, number>();
  const value = (counts.get(version) ?? 0) + sign;
  if (value > 0) counts.set(version, value);
  else counts.delete(version);
  entry.failures = counts.size > 0 ? counts : undefined;
}
