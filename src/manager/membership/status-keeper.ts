/** Keeps each manager's status in the store: its id in the log, where it listens, who leads, who can be reached. */
import type { Raft } from "../../raft/node/raft.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { changedStatuses } from "./manager-statuses.js";

const LOOK_INTERVAL_MS = 1000;

export class StatusKeeper implements Reconciler {
  readonly name = "manager statuses";
  readonly selectors: readonly Selector[] = [{ kind: "node" }];
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #raft: Raft<unknown>;

  constructor(store: Store, clock: Clock, raft: Raft<unknown>) {
    this.#store = store;
    this.#clock = clock;
    this.#raft = raft;
  }

  begin(): void {}

  /** A node that comes may be a manager's. */
  noticed(events: readonly StoreEvent[]): boolean {
    return events.some(({ action }) => action === "create");
  }

  /** The log tells of no change in who can be reached: it is looked at every second. */
  async reconcile(): Promise<number> {
    await writeStatuses(this.#store, this.#raft);
    return this.#clock.now() + LOOK_INTERVAL_MS;
  }
}

/** Writes only what differs. */
export async function writeStatuses(store: Store, raft: Raft<unknown>): Promise<void> {
  const { members } = raft.status();
  const isDue = store.view((read) => changedStatuses(read.all("node"), members).length > 0);
  if (!isDue) return;
  await store.update((tx) => {
    for (const node of changedStatuses(tx.all("node"), members)) tx.update("node", node);
  });
}
