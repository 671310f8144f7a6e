/** One kind of objects with its indexes, each kept up to date by every change. */
import { INDEXES, type IndexKeys, KINDS, type Kind, type ObjectTypes } from "./tables.js";

const NONE: readonly never[] = Object.freeze([]);

const INDEXES_OF: { readonly [K in Kind]: ReadonlyMap<string, IndexKeys<ObjectTypes[K]>> } = Object.fromEntries(
  KINDS.map((kind) => [kind, new Map(Object.entries(INDEXES[kind]))]),
) as never;

export class Table<K extends Kind> {
  readonly #kind: K;
  readonly #objects = new Map<string, ObjectTypes[K]>();
  readonly #indexes = new Map<string, Index<ObjectTypes[K]>>();
  #all: readonly ObjectTypes[K][] | undefined;

  /** @param lazyIndexes built when they are first asked for; "all" of them without it */
  constructor(kind: K, lazyIndexes: readonly string[] | "all" = "all") {
    this.#kind = kind;
    if (lazyIndexes === "all") return;
    for (const name of INDEXES_OF[kind].keys()) if (!lazyIndexes.includes(name)) this.#index(name);
  }

  get size(): number {
    return this.#objects.size;
  }

  get(id: string): ObjectTypes[K] | undefined {
    return this.#objects.get(id);
  }

  has(id: string): boolean {
    return this.#objects.has(id);
  }

  /** Made once and then the same until something changes; later changes are not in it. */
  all(): readonly ObjectTypes[K][] {
    if (this.#objects.size === 0) return NONE;
    this.#all ??= [...this.#objects.values()];
    return this.#all;
  }

  /** As {@link all}. */
  find(index: string, key: string): readonly ObjectTypes[K][] {
    const group = this.#index(index).groups.get(key);
    if (group === undefined) return NONE;
    return group instanceof Group ? group.all() : [group];
  }

  put(object: ObjectTypes[K]): void {
    const before = this.#objects.get(object.id);
    this.#objects.set(object.id, object);
    this.#all = undefined;
    for (const index of this.#indexes.values()) {
      const keys = index.keysOf(object);
      if (before) for (const key of index.keysOf(before)) if (!keys.includes(key)) drop(index.groups, key, object.id);
      for (const key of keys) add(index.groups, key, object);
    }
  }

  /** @returns what was removed */
  remove(id: string): ObjectTypes[K] | undefined {
    const before = this.#objects.get(id);
    if (!before) return undefined;
    this.#objects.delete(id);
    this.#all = undefined;
    for (const { keysOf, groups } of this.#indexes.values()) for (const key of keysOf(before)) drop(groups, key, id);
    return before;
  }

  #index(name: string): Index<ObjectTypes[K]> {
    const known = this.#indexes.get(name);
    if (known) return known;
    const keysOf = INDEXES_OF[this.#kind].get(name);
    if (!keysOf) throw new Error(`objects of kind ${this.#kind} have no index ${name}`);
    const index: Index<ObjectTypes[K]> = { keysOf, groups: new Map() };
    for (const object of this.#objects.values()) for (const key of keysOf(object)) add(index.groups, key, object);
    this.#indexes.set(name, index);
    return index;
  }
}

interface Identified {
  readonly id: string;
}

interface Index<T extends Identified> {
  readonly keysOf: IndexKeys<T>;
  /** A key with one object has just that: most names and slots are such. */
  readonly groups: Map<string, T | Group<T>>;
}

/** The objects that share a key. */
class Group<T extends Identified> {
  readonly byId = new Map<string, T>();
  #all: readonly T[] | undefined;

  all(): readonly T[] {
    this.#all ??= [...this.byId.values()];
    return this.#all;
  }

  set(object: T): void {
    this.byId.set(object.id, object);
    this.#all = undefined;
  }

  delete(id: string): void {
    this.byId.delete(id);
    this.#all = undefined;
  }
}

function add<T extends Identified>(groups: Map<string, T | Group<T>>, key: string, object: T): void {
  const group = groups.get(key);
  if (group instanceof Group) {
    group.set(object);
  } else if (group === undefined || group.id === object.id) {
    groups.set(key, object);
  } else {
    const both = new Group<T>();
    both.set(group);
    both.set(object);
    groups.set(key, both);
  }
}

function drop<T extends Identified>(groups: Map<string, T | Group<T>>, key: string, id: string): void {
  const group = groups.get(key);
  if (group instanceof Group) {
    group.delete(id);
    if (group.byId.size === 0) groups.delete(key);
  } else if (group?.id === id) {
    groups.delete(key);
  }
}
