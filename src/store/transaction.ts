/** Reads and changes on top of a state; what it collects is the commit. */
import type { Meta } from "../api/generated/docker/swarmkit/v1/objects.js";
import type { Timestamp } from "../api/generated/google/protobuf/timestamp.js";
import { timestampOf } from "../api/time.js";
import { type Change, type ChangeAction, versionOf } from "./change.js";
import { StoreError } from "./errors.js";
import { Overlay } from "./overlay.js";
import type { StoreReader } from "./reader.js";
import { type IndexName, type Kind, nameKey, type ObjectTypes, UNIQUE_NAMES } from "./tables.js";

const NO_VERSION = Object.freeze({ index: 0 });

interface Pending<K extends Kind> {
  readonly kind: K;
  action: ChangeAction;
  object: ObjectTypes[K];
}

export class Transaction implements StoreReader {
  readonly #base: StoreReader;
  readonly #own: Overlay;
  readonly #now: Timestamp;
  readonly #sizeOf: <K extends Kind>(kind: K, object: ObjectTypes[K]) => number;
  readonly #pending = new Map<Kind, Map<string, Pending<Kind>>>();
  /** In the order in which they were first made. */
  readonly #order = new Set<Pending<Kind>>();
  #bytes = 0;
  readonly #unmeasured = new Set<Pending<Kind>>();

  /** @param sizeOf bytes that an object takes in the log, about */
  constructor(base: StoreReader, nowMs: number, sizeOf: <K extends Kind>(kind: K, object: ObjectTypes[K]) => number) {
    this.#base = base;
    this.#own = new Overlay(base);
    this.#now = timestampOf(nowMs);
    this.#sizeOf = sizeOf;
  }

  /** How many objects the transaction changes. */
  get size(): number {
    return this.#order.size;
  }

  /** Bytes that it takes in the log, about; of an object that was changed again, both. */
  measure(): number {
    for (const { kind, action, object } of this.#unmeasured) {
      this.#bytes += action === "remove" ? object.id.length : this.#sizeOf(kind, object);
    }
    this.#unmeasured.clear();
    return this.#bytes;
  }

  get<K extends Kind>(kind: K, id: string): ObjectTypes[K] | undefined {
    return this.#own.get(kind, id);
  }

  all<K extends Kind>(kind: K): readonly ObjectTypes[K][] {
    return this.#own.all(kind);
  }

  find<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly ObjectTypes[K][] {
    return this.#own.find(kind, index, key);
  }

  /** @throws StoreError exists, name-taken */
  create<K extends Kind>(kind: K, object: ObjectTypes[K]): void {
    if (this.get(kind, object.id)) throw new StoreError("exists", kind, object.id);
    this.#refuseTakenName(kind, object);
    const meta = { version: NO_VERSION, createdAt: this.#now, updatedAt: this.#now };
    const wasRemoved = this.#pending.get(kind)?.has(object.id) ?? false;
    // Removed and made anew in one transaction: to the log it is an update.
    this.#put(kind, wasRemoved ? "update" : "create", { ...object, meta });
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
      updatedAt: this.#now,
    };
    this.#put(kind, this.#pending.get(kind)?.get(object.id)?.action ?? "update", { ...object, meta });
  }

  /** @throws StoreError not-found */
  remove<K extends Kind>(kind: K, id: string): void {
    const current = this.get(kind, id);
    if (!current) throw new StoreError("not-found", kind, id);
    const earlier = this.#pending.get(kind)?.get(id);
    if (earlier?.action === "create") {
      this.#pending.get(kind)!.delete(id);
      this.#order.delete(earlier);
      this.#unmeasured.delete(earlier);
      this.#own.forget(kind, id);
      return;
    }
    this.#put(kind, "remove", this.#base.get(kind, id) ?? current);
  }

  /** Ends the transaction. @param version that its objects get */
  seal(version: number): readonly Change[] {
    const sealed = { index: version };
    for (const { action, object } of this.#order) {
      // The transaction made this object and its meta, and nobody else has seen them yet.
      if (action !== "remove") (object.meta as { -readonly [K in keyof Meta]: Meta[K] }).version = sealed;
    }
    return [...this.#order] as Change[];
  }

  #put<K extends Kind>(kind: K, action: ChangeAction, object: ObjectTypes[K]): void {
    let ofKind = this.#pending.get(kind);
    if (!ofKind) {
      ofKind = new Map();
      this.#pending.set(kind, ofKind);
    }
    let pending = ofKind.get(object.id);
    if (pending) {
      // A name can be taken only behind the change that frees it: others apply the changes one after the other.
      if (UNIQUE_NAMES.has(kind) && nameOf(pending.object) !== nameOf(object)) this.#order.delete(pending);
      pending.action = action;
      pending.object = object;
    } else {
      pending = { kind, action, object };
      ofKind.set(object.id, pending);
    }
    this.#order.add(pending);
    this.#unmeasured.add(pending);
    if (action === "remove") this.#own.remove(kind, object.id);
    else this.#own.put(kind, object);
  }

  #refuseTakenName<K extends Kind>(kind: K, object: ObjectTypes[K]): void {
    if (!UNIQUE_NAMES.has(kind)) return;
    const name = nameOf(object);
    const taken = this.find(kind, "name" as IndexName<K>, nameKey(name)).some((other) => other.id !== object.id);
    if (taken) throw new StoreError("name-taken", kind, name);
  }
}

/** The name by which people know an object. */
export function nameOf(object: ObjectTypes[Kind]): string {
  if ("annotations" in object) return object.annotations?.name ?? "";
  return object.spec?.annotations?.name ?? "";
}
