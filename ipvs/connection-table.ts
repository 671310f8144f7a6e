/** The connections that the kernel tracks in one namespace: what the drivers need to look at and to end. */
import { readFileSync } from "node:fs";
import { type Flow, type FlowQuery, type FlowRules, flowQueries, isEmpty, isStale } from "./flows.js";

/** The tracked connections of the namespace in which it was opened: what a ConntrackSocket can do. */
export interface ConnectionTable {
  entries(): Flow[];
  /** Looks again for such as came meanwhile. */
  deleteMatching(matches: (flow: Flow) => boolean, query?: FlowQuery): { readonly deleted: number };
}

/** Each query walks the kernel's whole table: with more of them than this, one list of everything costs less. */
const QUERIES_MAX = 16;

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

/**
 * Ends the connections that the rules call stale.
 * @param kernel whose table is opened only when there is something to look at
 * @returns how many
 */
export function endStaleFlows(rules: FlowRules, kernel: { readonly connections: ConnectionTable }): number {
  if (isEmpty(rules) || !tracksConnections()) return 0;
  const queries = flowQueries(rules);
  const lists = queries.length > QUERIES_MAX ? [undefined] : queries;
  const stale = (flow: Flow) => isStale(flow, rules);
  return lists.reduce((sum, query) => sum + kernel.connections.deleteMatching(stale, query).deleted, 0);
}
