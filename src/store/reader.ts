import type { IndexName, Kind, ObjectTypes } from "./tables.js";

/**
 * A consistent look at the store. Objects and lists are shared and never change; a list costs nothing while the objects in it
 * stay as they are. The reader is valid only within the call that was given it.
 */
export interface StoreReader {
  get<K extends Kind>(kind: K, id: string): ObjectTypes[K] | undefined;
  all<K extends Kind>(kind: K): readonly ObjectTypes[K][];
  /** All with this key in an index; see INDEXES for the keys. */
  find<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly ObjectTypes[K][];
}
