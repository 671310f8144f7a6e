/** Faults that are planted in the cluster's parts, so that it can be shown that the simulation finds such. */
import type { AssignmentsMessage } from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { Store } from "../../src/store/store.js";
import type { Kind, ObjectTypes } from "../../src/store/tables.js";
import type { Transaction } from "../../src/store/transaction.js";

export interface PlantedInCluster {
  /** Of what managers write, as they wanted it; undefined: it is not written at all. */
  readonly write?: (kind: Kind, object: ObjectTypes[Kind], tx: Transaction) => ObjectTypes[Kind] | undefined;
  /** What is not forgotten though it should be. */
  readonly keep?: (kind: Kind, id: string) => boolean;
  /** Of what nodes are told. */
  readonly assignments?: (message: AssignmentsMessage) => AssignmentsMessage;
  /** Of what a host starts: another task than it was told to. */
  readonly run?: (task: Task) => Task;
}

export const SOUND_CLUSTER: PlantedInCluster = {};

/** The store as a manager's parts have it. */
export function plantedStore(store: Store, flaws: PlantedInCluster): Store {
  if (!flaws.write && !flaws.keep) return store;
  const { write = (_kind, object) => object, keep = () => false } = flaws;
  const flawed = (tx: Transaction): Transaction =>
    instead(tx, {
      create: ((kind: Kind, object: ObjectTypes[Kind]) => {
        const written = write(kind, object, tx);
        if (written) tx.create(kind, written as never);
      }) as never,
      remove: ((kind: Kind, id: string) => {
        if (!keep(kind, id)) tx.remove(kind, id);
      }) as never,
      update: ((kind: Kind, object: ObjectTypes[Kind]) => {
        const written = write(kind, object, tx);
        if (written) tx.update(kind, written as never);
      }) as never,
    });
  return instead(store, {
    update: ((change: (tx: Transaction) => unknown) => store.update((tx) => change(flawed(tx)))) as never,
    batch: ((items: readonly unknown[], change: (tx: Transaction, item: unknown) => void) =>
      store.batch(items, (tx, item) => change(flawed(tx), item))) as never,
  });
}

/** As `sound`, but for these. */
function instead<T extends object>(sound: T, changed: Partial<T>): T {
  return new Proxy(sound, {
    get(target, name) {
      if (name in changed) return changed[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
