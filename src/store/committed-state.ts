/** What is safe in the log and applied: the objects, their version, who watches them, and what happened of late. */
import { timestampMs } from "../api/time.js";
import type { Change, StoreEvent } from "./change.js";
import { History } from "./history.js";
import type { StoreReader } from "./reader.js";
import { Table } from "./table.js";
import { type IndexName, KINDS, type Kind, LAZY_INDEXES, type ObjectTypes } from "./tables.js";
import { WatchHub } from "./watch-hub.js";

/** Events of a restored snapshot that are told in one go. */
const MAX_TOLD_AT_ONCE = 500;

/** A table of each kind. */
export class Tables {
  readonly #byKind: { readonly [K in Kind]: Table<K> } = Object.fromEntries(
    KINDS.map((kind) => [kind, new Table(kind, LAZY_INDEXES[kind] ?? [])]),
  ) as never;

  of<K extends Kind>(kind: K): Table<K> {
    return this.#byKind[kind];
  }
}

/** What a snapshot holds. */
export interface RestoredObjects {
  readonly tables: Tables;
  /** What makes the present state this one. */
  readonly events: readonly StoreEvent[];
  /** Latest of all objects' times. */
  readonly lastTimeMs: number;
}

export class CommittedState implements StoreReader {
  readonly hub: WatchHub;
  readonly history = new History();
  #tables = new Tables();
  #version = 0;
  #lastTimeMs = 0;

  /** @param log gets what a listener threw */
  constructor(log: (line: string) => void) {
    this.hub = new WatchHub(log);
  }

  /** Index of the last entry that was applied. */
  get version(): number {
    return this.#version;
  }

  /** Latest of all objects' times, in milliseconds since 1970. */
  get lastTimeMs(): number {
    return this.#lastTimeMs;
  }

  get<K extends Kind>(kind: K, id: string): ObjectTypes[K] | undefined {
    return this.#tables.of(kind).get(id);
  }

  all<K extends Kind>(kind: K): readonly ObjectTypes[K][] {
    return this.#tables.of(kind).all();
  }

  find<K extends Kind>(kind: K, index: IndexName<K>, key: string): readonly ObjectTypes[K][] {
    return this.#tables.of(kind).find(index, key);
  }

  /**
   * Takes in an entry of the log, whatever the objects were before: whoever proposed it has checked that.
   * @param bytes of the entry
   */
  apply(version: number, changes: readonly Change[], bytes: number): void {
    this.#version = version;
    const events: StoreEvent[] = [];
    for (const change of changes) {
      const event = this.#applyChange(change);
      if (event) events.push(event);
    }
    if (events.length === 0) return;
    const commit = { version, events };
    this.history.add(commit, bytes);
    this.hub.publish(commit);
  }

  /**
   * Puts a restored state in this one's place, at once, and then tells the watchers what is different, with pauses.
   */
  async replace(version: number, { tables, events, lastTimeMs }: RestoredObjects): Promise<void> {
    const before = this.#version;
    this.#tables = tables;
    this.#version = version;
    this.#lastTimeMs = Math.max(this.#lastTimeMs, lastTimeMs);
    this.history.reset(version);
    for (let start = 0; start < events.length; start += MAX_TOLD_AT_ONCE) {
      if (start > 0) await new Promise((resolve) => setImmediate(resolve));
      const isLast = start + MAX_TOLD_AT_ONCE >= events.length;
      const part = events.slice(start, start + MAX_TOLD_AT_ONCE);
      // Whoever has heard but a part does not stand at the new version yet.
      this.hub.publish({ version, events: part }, isLast ? version : before);
    }
  }

  #applyChange<K extends Kind>({ kind, action, object }: Change & { readonly kind: K }): StoreEvent | undefined {
    const table = this.#tables.of<K>(kind as K);
    if (action === "remove") {
      const previous = table.remove(object.id);
      return previous && ({ kind, action, object: previous, previous } as StoreEvent);
    }
    const previous = table.get(object.id);
    table.put(object as ObjectTypes[K]);
    this.#lastTimeMs = Math.max(this.#lastTimeMs, timestampMs(object.meta?.updatedAt));
    return { kind, action: previous ? "update" : "create", object, previous } as StoreEvent;
  }
}
