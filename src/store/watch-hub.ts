/** Who wants to hear of which changes. A commit costs what it concerns, not how many listen. */
import type { Commit, StoreEvent } from "./change.js";
import { INDEXES, type IndexKeys, type IndexName, type Kind, type ObjectTypes } from "./tables.js";

/** All of a kind, one object, or those under a key of an index (before or after the change). */
export type Selector =
  | { readonly kind: Kind; readonly id?: string }
  | { readonly [K in Kind]: { readonly kind: K; readonly index: IndexName<K>; readonly key: string } }[Kind];

/** Gets the events of one commit that its selectors name, each once, in the commit's order. Must be quick and must not throw. */
export type Listener = (events: readonly StoreEvent[], version: number) => void;

interface Watcher {
  readonly listener: Listener;
  /** Commits up to this version are known to the watcher. */
  readonly sinceVersion: number;
  active: boolean;
}

interface Delivery extends Commit {
  /** What listeners are told as the version. */
  readonly toldVersion: number;
}

export class WatchHub {
  /** kind → "" (all), "id" or an index → key → watchers */
  readonly #watchers = new Map<Kind, Map<string, Map<string, Set<Watcher>>>>();
  readonly #log: (line: string) => void;
  #queue: Delivery[] = [];
  #delivering = false;

  /** @param log gets what a listener threw: that is a defect, and must not keep the commit from others */
  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  /** @returns a function that ends the watch; no call follows it */
  watch(selectors: readonly Selector[], sinceVersion: number, listener: Listener): () => void {
    const watcher: Watcher = { listener, sinceVersion, active: true };
    for (const selector of selectors) this.#group(selector).add(watcher);
    return () => {
      watcher.active = false;
      for (const selector of selectors) this.#drop(selector, watcher);
    };
  }

  /** Delivers in commit order also when a listener commits in turn. */
  publish(commit: Commit, toldVersion = commit.version): void {
    if (this.#watchers.size === 0 && !this.#delivering) return;
    this.#queue.push({ ...commit, toldVersion });
    if (this.#delivering) return;
    this.#delivering = true;
    // What is published meanwhile comes behind in the array that is walked.
    for (const delivery of this.#queue) this.#deliver(delivery);
    this.#queue = [];
    this.#delivering = false;
  }

  #deliver({ version, events, toldVersion }: Delivery): void {
    const concerned = new Map<Watcher, StoreEvent[]>();
    for (const event of events) {
      for (const watcher of this.#watchersOf(event)) {
        const own = concerned.get(watcher);
        if (own) own.push(event);
        else concerned.set(watcher, [event]);
      }
    }
    for (const [watcher, own] of concerned) {
      if (!watcher.active || version <= watcher.sinceVersion) continue;
      try {
        watcher.listener(own, toldVersion);
      } catch (error) {
        this.#log(`a watcher of the store failed: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
  }

  #watchersOf(event: StoreEvent): Iterable<Watcher> {
    const found = new Set<Watcher>();
    for (const [index, groups] of this.#watchers.get(event.kind) ?? []) {
      for (const key of keysOf(event, index)) for (const watcher of groups.get(key) ?? []) found.add(watcher);
    }
    return found;
  }

  #group(selector: Selector): Set<Watcher> {
    const [index, key] = place(selector);
    const indexes = getOrAdd(this.#watchers, selector.kind, () => new Map<string, Map<string, Set<Watcher>>>());
    const groups = getOrAdd(indexes, index, () => new Map<string, Set<Watcher>>());
    return getOrAdd(groups, key, () => new Set<Watcher>());
  }

  #drop(selector: Selector, watcher: Watcher): void {
    const [index, key] = place(selector);
    const indexes = this.#watchers.get(selector.kind);
    const groups = indexes?.get(index);
    const group = groups?.get(key);
    group?.delete(watcher);
    if (group?.size === 0) groups?.delete(key);
    if (groups?.size === 0) indexes?.delete(index);
    if (indexes?.size === 0) this.#watchers.delete(selector.kind);
  }
}

/** Whether a selector names the event. */
export function selects(selector: Selector, event: StoreEvent): boolean {
  if (selector.kind !== event.kind) return false;
  const [index, key] = place(selector);
  for (const one of keysOf(event, index)) if (one === key) return true;
  return false;
}

const ALL = "";
const BY_ID = "id";

function place(selector: Selector): readonly [index: string, key: string] {
  if ("index" in selector) return [selector.index, selector.key];
  return selector.id === undefined ? [ALL, ALL] : [BY_ID, selector.id];
}

function keysOf({ kind, object, previous }: StoreEvent, index: string): Iterable<string> {
  if (index === ALL) return [ALL];
  if (index === BY_ID) return [object.id];
  const keys = (INDEXES[kind] as unknown as Record<string, IndexKeys<ObjectTypes[Kind]>>)[index]!;
  return new Set([...keys(object), ...(previous ? keys(previous) : [])]);
}

function getOrAdd<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
