/** Nodes in the order of their last change, so that whoever has seen all up to some moment finds what came after, and only that. */
import type { NodeEntry } from "./node-entry.js";

export class ChangedNodes {
  #oldest: NodeEntry | undefined;
  #newest: NodeEntry | undefined;
  #sequence = 0;

  /** Number of the last change. */
  get sequence(): number {
    return this.#sequence;
  }

  touch(entry: NodeEntry): void {
    entry.changedAt = ++this.#sequence;
    entry.isListed = true;
    if (this.#newest === entry) return;
    this.#unlink(entry);
    entry.older = this.#newest;
    if (this.#newest) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
  }

  drop(entry: NodeEntry): void {
    entry.isListed = false;
    this.#unlink(entry);
  }

  /**
   * @param seen number of the last change that is known
   * @param last the node of that change: nothing has to be searched for when it has not changed since
   * @returns the first entry, by the time of its change, that changed after `seen`; the others follow by `newer`
   */
  firstAfter(seen: number, last: NodeEntry | undefined): NodeEntry | undefined {
    if (seen >= this.#sequence) return undefined;
    if (seen === 0) return this.#oldest;
    if (last?.changedAt === seen && last.isListed) return last.newer;
    let entry = this.#newest;
    if (!entry || entry.changedAt <= seen) return undefined;
    while (entry.older && entry.older.changedAt > seen) entry = entry.older;
    return entry;
  }

  #unlink(entry: NodeEntry): void {
    const { older, newer } = entry;
    if (older) older.newer = newer;
    else if (this.#oldest === entry) this.#oldest = newer;
    if (newer) newer.older = older;
    else if (this.#newest === entry) this.#newest = older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
