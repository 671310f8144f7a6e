/** One kind of objects with its indexes, each kept up to date by every change. */
import { INDEXES, type IndexKeys, type Kind, type ObjectTypes } from "./tables.js";

const NONE: ReadonlyMap<string, never> = new Map<string, never>();

export class Table<K extends Kind> {
  readonly #objects = new Map<string, ObjectTypes[K]>();
  readonly #keys: readonly (readonly [string, IndexKeys<ObjectTypes[K]>])[];
  readonly #indexes = new Map<string, Map<string, Map<string, ObjectTypes[K]>>>();

  constructor(kind: K) {
    this.#keys = Object.entries(INDEXES[kind] as unknown as Record<string, IndexKeys<ObjectTypes[K]>>);
    for (const [name] of this.#keys) this.#indexes.set(name, new Map());
  }

  get size(): number {
    return this.#objects.size;
  }

  get(id: string): ObjectTypes[K] | undefined {
    return this.#objects.get(id);
  }

  all(): IterableIterator<ObjectTypes[K]> {
    return this.#objects.values();
  }

  /** Objects by id. */
  find(index: string, key: string): ReadonlyMap<string, ObjectTypes[K]> {
    const groups = this.#indexes.get(index);
    if (!groups) throw new Error(`no index ${index}`);
    return groups.get(key) ?? NONE;
  }

  put(object: ObjectTypes[K]): void {
    const before = this.#objects.get(object.id);
    this.#objects.set(object.id, object);
    for (const [name, keysOf] of this.#keys) {
      const groups = this.#indexes.get(name)!;
      const keys = keysOf(object);
      if (before) for (const key of keysOf(before)) if (!keys.includes(key)) drop(groups, key, object.id);
      for (const key of keys) {
        let group = groups.get(key);
        if (!group) {
          group = new Map();
          groups.set(key, group);
        }
        group.set(object.id, object);
      }
    }
  }

  remove(id: string): void {
    const before = this.#objects.get(id);
    if (!before) return;
    this.#objects.delete(id);
    for (const [name, keysOf] of this.#keys) {
      for (const key of keysOf(before)) drop(this.#indexes.get(name)!, key, id);
    }
  }
}

function drop<T>(groups: Map<string, Map<string, T>>, key: string, id: string): void {
  const group = groups.get(key);
  if (!group) return;
  group.delete(id);
  if (group.size === 0) groups.delete(key);
}
