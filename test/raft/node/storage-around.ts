import type { LogStorage } from "../../../src/raft/storage/log-storage.js";

/** A storage of which some things are done otherwise. */
export function storageAround(inner: LogStorage, otherwise: Partial<LogStorage>): LogStorage {
  return {
    load: () => inner.load(),
    setIdentity: (identity) => inner.setIdentity(identity),
    append: (batch) => inner.append(batch),
    createSnapshot: (metadata) => inner.createSnapshot(metadata),
    readSnapshot: (index) => inner.readSnapshot(index),
    compact: (snapshot, keepFrom, keepSnapshots) => inner.compact(snapshot, keepFrom, keepSnapshots),
    installSnapshot: (snapshot, hardState) => inner.installSnapshot(snapshot, hardState),
    stats: () => inner.stats(),
    close: () => inner.close(),
    ...otherwise,
  };
}
