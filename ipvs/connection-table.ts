/** The connections that the kernel tracks in one namespace: what the drivers need to look at and to end. */
import { readFileSync } from "node:fs";
import { AF, FAMILIES, type Family, familyOfAddress } from "./family.js";
import { type Flow, type FlowQuery, type FlowRules, flowQueries, isEmpty, isStale } from "./flows.js";

/** The tracked connections of the namespace in which it was opened: what a ConntrackSocket can do. */
export interface ConnectionTable {
  entries(filter: ConnectionFilter): Flow[];
  /** Looks again for such as came meanwhile. */
  deleteMatching(matches: (flow: Flow) => boolean, filter: ConnectionFilter): { readonly deleted: number };
}

/** Of one family, AF_INET when it does not say; what else it names must agree. */
interface ConnectionFilter extends FlowQuery {
  readonly family?: number;
}

/**
 * Each query walks the kernel's whole table: with more of them than this, one list of everything costs less. Of IPv6 the kernel
 * cannot sort out addresses, so that one list is always better.
 */
const QUERIES_MAX: Readonly<Record<Family, number>> = { ip: 16, ip6: 0 };

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
  const lists = FAMILIES.flatMap((family): readonly ConnectionFilter[] => {
    const own = queries.filter((query) => familyOfQuery(query) === family);
    return own.length > QUERIES_MAX[family] ? [{ family: AF[family] }] : own;
  });
  const stale = (flow: Flow) => isStale(flow, rules);
  return lists.reduce((sum, query) => sum + kernel.connections.deleteMatching(stale, query).deleted, 0);
}

/** The tracked connections of these families. */
export function listFlows(families: Iterable<Family>, kernel: { readonly connections: ConnectionTable }): Flow[] {
  if (!tracksConnections()) return [];
  return [...families].flatMap((family) => kernel.connections.entries({ family: AF[family] }));
}

/** Ports are published by IPv4 alone. */
function familyOfQuery({ original }: FlowQuery): Family {
  return original?.destination === undefined ? "ip" : familyOfAddress(original.destination);
}
