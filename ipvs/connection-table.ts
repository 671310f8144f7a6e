/** The connections that the kernel tracks in one namespace: what the drivers need to look at and to end. */
import { readFileSync } from "node:fs";
import { type Flow, type FlowRules, isEmpty, isStale } from "./flows.js";

/** The tracked connections of the namespace in which it was opened. `E` is an entry as the kernel names it. */
export interface ConnectionTable<E extends Flow = Flow> {
  list(): E[];
  /** One that has ended by itself meanwhile counts as ended. @returns how many were there */
  end(entries: readonly E[]): number;
}

const COUNT_FILE = "/proc/sys/net/netfilter/nf_conntrack_count";

/**
 * Whether the thread's namespace tracks any connection. The kernel keeps the entries of all namespaces in one table, so that
 * listing costs a walk over it even for a namespace without any: asking first makes a hundred idle sandboxes cheap.
 */
export function tracksConnections(): boolean {
  try {
    return readFileSync(COUNT_FILE, "utf8").trim() !== "0";
  } catch (error) {
    // A kernel without the setting: then only the list itself tells.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return true;
    throw error;
  }
}

/** Ends the connections that the rules call stale. `open` is called only when there is something to look at. */
export function endStaleFlows<E extends Flow>(rules: FlowRules, open: () => ConnectionTable<E>): number {
  if (isEmpty(rules) || !tracksConnections()) return 0;
  const table = open();
  const stale = table.list().filter((flow) => isStale(flow, rules));
  return stale.length === 0 ? 0 : table.end(stale);
}
