/** Reads and changes on top of a store; what it collects is the commit. */
import { timestampOf } from "../api/time.js";
import { type Change, type ChangeAction, versionOf } from "./change.js";
import { StoreError } from "./errors.js";
import type { StoreReader } from "./reader.js";
import {
  INDEXES,
  type IndexKeys,
  type IndexName,
  type Kind,
  nameKey,
  type ObjectTypes,
  UNIQUE_NAMES,
} from "./tables.js";

interface Pending<K extends Kind> {
  readonly action: ChangeAction;
  readonly object: ObjectTypes[K];
  readonly baseVersion: number;
}

export class Transaction implements StoreReader {
  readonly #base: StoreReader;
  readonly #nowMs: number;
  readonly #pending = new Map<Kind, Map<string, Pending<Kind>>>();
  #count = 0;

  constructor(base: StoreReader, nowMs: number) {
    this.#base = base;
    this.#nowMs = nowMs;
  }

  /** How many objects the transaction changes. */
  get size(): number {
    return this.#count;
  }

  get<K extends Kind>(kind: K, id: string): ObjectTypes[K] | undefined {
    const pending = this.#pending.get(kind)?.get(id);
    if (pending) return pending.action === "remove" ? undefined : (pending.object as ObjectTypes[K]);
    return this.#base.get(kind, id);
  }

  all<K extends Kind>(kind: K): readonly ObjectTypes[K][] {
    return this.#overlay(kind, this.#base.all(kind), () => true);
  }

  find<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly ObjectTypes[K][] {
    const keysOf = (INDEXES[kind] as unknown as Record<string, IndexKeys<ObjectTypes[K]>>)[index]!;
    return this.#overlay(kind, this.#base.find(kind, index, key), (object) => keysOf(object).includes(key));
  }

  /** @throws StoreError exists, name-taken */
  create<K extends Kind>(kind: K, object: ObjectTypes[K]): void {
    if (this.get(kind, object.id)) throw new StoreError("exists", kind, object.id);
    this.#refuseTakenName(kind, object);
    const now = timestampOf(this.#nowMs);
    const meta = { version: { index: 0 }, createdAt: now, updatedAt: now };
    const earlier = this.#pending.get(kind)?.get(object.id);
    // Removed and made anew in one transaction: to the log it is an update.
    const action = earlier?.action === "remove" ? "update" : "create";
    this.#put(kind, { action, object: { ...object, meta }, baseVersion: earlier?.baseVersion ?? 0 });
  }

  /** The object must carry the version that it was read with. @throws StoreError not-found, out-of-sequence, name-taken */
  update<K extends Kind>(kind: K, object: ObjectTypes[K]): void {
    const current = this.get(kind, object.id);
    if (!current) throw new StoreError("not-found", kind, object.id);
    if (versionOf(object) !== versionOf(current)) throw new StoreError("out-of-sequence", kind, object.id);
    this.#refuseTakenName(kind, object);
    const meta = {
      version: current.meta?.version,
      createdAt: current.meta?.createdAt,
      updatedAt: timestampOf(this.#nowMs),
    };
    const earlier = this.#pending.get(kind)?.get(object.id);
    this.#put(kind, {
      action: earlier?.action ?? "update",
      object: { ...object, meta },
      baseVersion: earlier?.baseVersion ?? versionOf(current),
    });
  }

  /** @throws StoreError not-found */
  remove<K extends Kind>(kind: K, id: string): void {
    const current = this.get(kind, id);
    if (!current) throw new StoreError("not-found", kind, id);
    const earlier = this.#pending.get(kind)?.get(id);
    if (earlier?.action === "create") {
      this.#pending.get(kind)!.delete(id);
      this.#count--;
      return;
    }
    this.#put(kind, {
      action: "remove",
      object: this.#base.get(kind, id) ?? current,
      baseVersion: earlier?.baseVersion ?? versionOf(current),
    });
  }

  changes(): readonly Change[] {
    return [...this.#pending].flatMap(([kind, objects]) =>
      [...objects.values()].map((pending) => ({ kind, ...pending }) as Change),
    );
  }

  #put<K extends Kind>(kind: K, pending: Pending<K>): void {
    let objects = this.#pending.get(kind);
    if (!objects) {
      objects = new Map();
      this.#pending.set(kind, objects);
    }
    if (!objects.has(pending.object.id)) this.#count++;
    objects.set(pending.object.id, pending);
  }

  #refuseTakenName<K extends Kind>(kind: K, object: ObjectTypes[K]): void {
    if (!UNIQUE_NAMES.has(kind)) return;
    const name = nameOf(object);
    const taken = this.find(kind, "name" as IndexName<K>, nameKey(name)).some((other) => other.id !== object.id);
    if (taken) throw new StoreError("name-taken", kind, name);
  }

  #overlay<K extends Kind>(
    kind: K,
    base: readonly ObjectTypes[K][],
    matches: (object: ObjectTypes[K]) => boolean,
  ): readonly ObjectTypes[K][] {
    const pending = this.#pending.get(kind);
    if (!pending || pending.size === 0) return base;
    const kept = base.filter((object) => !pending.has(object.id));
    for (const { action, object } of pending.values()) {
      if (action !== "remove" && matches(object as ObjectTypes[K])) kept.push(object as ObjectTypes[K]);
    }
    return kept;
  }
}

/** The name by which people know an object. */
export function nameOf(object: ObjectTypes[Kind]): string {
  if ("annotations" in object) return object.annotations?.name ?? "";
  return object.spec?.annotations?.name ?? "";
}
