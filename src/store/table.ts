/** One kind of objects with its indexes, each kept up to date by every change. */
import { INDEXES, type IndexKeys, KINDS, type Kind, type ObjectTypes, UNCHANGED } from "./tables.js";

const NONE: readonly never[] = Object.freeze([]);

const INDEXES_OF: { readonly [K in Kind]: ReadonlyMap<string, IndexKeys<ObjectTypes[K]>> } = Object.fromEntries(
  KINDS.map((kind) => [kind, new Map(Object.entries(INDEXES[kind]))]),
) as never;

export class Table<K extends Kind> {
  readonly #kind: K;
  readonly #objects = new Map<string, ObjectTypes[K]>();
  /** A few. */
  readonly #indexes: Index<ObjectTypes[K]>[] = [];
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

  find(index: string, key: string): readonly ObjectTypes[K][] {
    const ids = this.#index(index).groups.get(key);
    if (ids === undefined) return NONE;
    if (typeof ids === "string") return [this.#objects.get(ids)!];
    const found: ObjectTypes[K][] = [];
    for (const id of ids) found.push(this.#objects.get(id)!);
    return found;
  }

  put(object: ObjectTypes[K]): void {
    const { id } = object;
    const before = this.#objects.get(id);
    this.#objects.set(id, object);
    this.#all = undefined;
    for (const { keysOf, groups, isUnchanged } of this.#indexes) {
      if (!before) {
        for (const key of keysOf(object)) add(groups, key, id);
      } else if (!isUnchanged?.(before, object)) {
        const keys = keysOf(object);
        const keysBefore = keysOf(before);
        for (const key of keysBefore) if (!keys.includes(key)) drop(groups, key, id);
        for (const key of keys) if (!keysBefore.includes(key)) add(groups, key, id);
      }
    }
  }

  /** @returns what was removed */
  remove(id: string): ObjectTypes[K] | undefined {
    const before = this.#objects.get(id);
    if (!before) return undefined;
    this.#objects.delete(id);
    this.#all = undefined;
    for (const { keysOf, groups } of this.#indexes) for (const key of keysOf(before)) drop(groups, key, id);
    return before;
  }

  #index(name: string): Index<ObjectTypes[K]> {
    const known = this.#indexes.find((index) => index.name === name);
    if (known) return known;
    const keysOf = INDEXES_OF[this.#kind].get(name);
    if (!keysOf) throw new Error(`objects of kind ${this.#kind} have no index ${name}`);
    const isUnchanged = (UNCHANGED[this.#kind] as Partial<Record<string, Index<ObjectTypes[K]>["isUnchanged"]>>)?.[
      name
    ];
    const index: Index<ObjectTypes[K]> = { name, keysOf, isUnchanged, groups: new Map() };
    for (const object of this.#objects.values()) for (const key of keysOf(object)) add(index.groups, key, object.id);
    this.#indexes.push(index);
    return index;
  }
}

interface Index<T> {
  readonly name: string;
  readonly keysOf: IndexKeys<T>;
  readonly isUnchanged: ((before: T, now: T) => boolean) | undefined;
  readonly groups: Groups;
}

/** Ids by key. A key with one object has just that: most names and slots are such. */
type Groups = Map<string, string | Set<string>>;

function add(groups: Groups, key: string, id: string): void {
  const ids = groups.get(key);
  if (ids === undefined || ids === id) groups.set(key, id);
  else if (typeof ids === "string") groups.set(key, new Set([ids, id]));
  else ids.add(id);
}

function drop(groups: Groups, key: string, id: string): void {
  const ids = groups.get(key);
  if (ids === id) {
    groups.delete(key);
  } else if (ids instanceof Set) {
    ids.delete(id);
    if (ids.size === 0) groups.delete(key);
  }
}
