/** Forgets removed nodes once their certificates have expired long enough: the cluster object does not grow for ever. */
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { nextForgottenMs, withoutExpired } from "./removed-nodes.js";

export class RemovedKeeper implements Reconciler {
  readonly name = "removed nodes";
  readonly selectors: readonly Selector[] = [{ kind: "cluster" }];
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  begin(): void {}

  noticed(events: readonly StoreEvent[]): boolean {
    return events.some(
      (event) =>
        event.kind === "cluster" && event.object.blacklistedCertificates !== event.previous?.blacklistedCertificates,
    );
  }

  async reconcile(): Promise<number | undefined> {
    const nowMs = this.#clock.now();
    const [cluster] = this.#store.view((read) => read.all("cluster"));
    if (cluster && withoutExpired(cluster, nowMs) !== cluster) {
      await this.#store.update((tx) => {
        const [known] = tx.all("cluster");
        const kept = known && withoutExpired(known, nowMs);
        if (kept && kept !== known) tx.update("cluster", kept);
      });
    }
    return nextForgottenMs(this.#store.view((read) => read.all("cluster"))[0]);
  }
}
