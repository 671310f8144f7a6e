/** Makes the network keys of a cluster and turns them every 12 hours, however often the leader changes meanwhile. */
import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import type { Reconciler } from "../loop/reconciler.js";
import { hasAllKeys, ROTATION_MS, turned, turnedAtMs, withAllKeys } from "./key-ring.js";

export class KeyManager implements Reconciler {
  readonly name = "key manager";
  readonly selectors = [{ kind: "cluster" }] as const;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  /** Where the keys do not say when they were turned, the time counts from here. */
  readonly #sinceMs: number;

  constructor(store: Store, clock: Clock, random: RandomBytes) {
    this.#store = store;
    this.#clock = clock;
    this.#random = random;
    this.#sinceMs = clock.now();
  }

  begin(): void {}

  noticed(events: readonly StoreEvent[]): boolean {
    return events.some(({ kind, action }) => kind === "cluster" && action !== "remove");
  }

  async reconcile(): Promise<number | undefined> {
    const [cluster] = this.#store.view((read) => read.all("cluster"));
    if (!cluster) return undefined;
    if (hasAllKeys(cluster) && this.#clock.now() < this.#dueMs(cluster)) return this.#dueMs(cluster);
    const written = await this.#store.update((tx) => {
      const [current] = tx.all("cluster");
      if (!current) return undefined;
      const nowMs = this.#clock.now();
      if (!hasAllKeys(current)) {
        const next = withAllKeys(current, this.#random, nowMs);
        tx.update("cluster", next);
        return next;
      }
      if (nowMs < this.#dueMs(current)) return current;
      const next = turned(current, this.#random, nowMs);
      tx.update("cluster", next);
      return next;
    });
    return written && this.#dueMs(written);
  }

  #dueMs(cluster: Cluster): number {
    return (turnedAtMs(cluster, this.#clock.now()) ?? this.#sinceMs) + ROTATION_MS;
  }
}
