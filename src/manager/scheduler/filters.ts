/**
 * Which nodes may take a task, and why the others may not. A node is refused by the first filter, in this order, that does not accept it.
 * Volumes of the cluster will be one more value of this kind, before the last.
 */
import { nodeMatches } from "./constraint.js";
import { carriesIpv6 } from "./ipv6.js";
import type { NodeEntry } from "./node-entry.js";
import { fitsPlatform } from "./platform.js";
import { hasPlugins } from "./plugins.js";
import type { Requirements } from "./requirements.js";

export interface Filter {
  readonly name: string;
  /** "facts" a node says of itself; "load" also changes with each task; what is left is the service's own doing. */
  readonly looksAt: "facts" | "load" | "service";
  /** False when it would accept every node. */
  concerns(wanted: Requirements): boolean;
  /** @param serviceTasks tasks of the service on the node @param maxReplicas 0 for no limit */
  accepts(entry: NodeEntry, wanted: Requirements, serviceTasks: number, maxReplicas: number): boolean;
  /** Said when it refused `count` nodes. */
  explain(count: number): string;
}

export const FILTERS: readonly Filter[] = [
  {
    name: "ready",
    looksAt: "facts",
    concerns: () => true,
    accepts: (entry) => entry.isOpen,
    explain: (count) => `${nodes(count)} not available for new tasks`,
  },
  {
    name: "resources",
    looksAt: "load",
    concerns: ({ demand, generic }) => demand.nanoCpus > 0 || demand.memoryBytes > 0 || generic.size > 0,
    accepts: (entry, { demand, generic }) =>
      entry.hasRoomFor(demand) && (generic.size === 0 || entry.chooseGeneric(generic) !== undefined),
    explain: (count) => `insufficient resources on ${nodes(count)}`,
  },
  {
    name: "plugins",
    looksAt: "facts",
    concerns: ({ plugins }) => plugins.length > 0,
    accepts: ({ node }, { plugins }) => hasPlugins(plugins, node!),
    explain: (count) => `missing plugin on ${nodes(count)}`,
  },
  {
    name: "IPv6",
    looksAt: "facts",
    concerns: ({ needsIpv6 }) => needsIpv6,
    accepts: ({ node }) => carriesIpv6(node!),
    explain: (count) => `IPv6 networks not carried by ${nodes(count)}`,
  },
  {
    name: "constraints",
    looksAt: "facts",
    concerns: ({ constraints }) => constraints?.length !== 0,
    accepts: ({ node }, { constraints }) => constraints !== undefined && nodeMatches(constraints, node!),
    explain: (count) => `scheduling constraints not satisfied on ${nodes(count)}`,
  },
  {
    name: "platform",
    looksAt: "facts",
    concerns: ({ platforms }) => platforms.length > 0,
    accepts: ({ node }, { platforms }) =>
      platforms.some((platform) => fitsPlatform(platform, node!.description?.platform)),
    explain: (count) => `unsupported platform on ${nodes(count)}`,
  },
  {
    name: "host ports",
    looksAt: "load",
    concerns: ({ demand }) => demand.hostPorts.length > 0,
    accepts: (entry, { demand }) => entry.hasPortsFree(demand.hostPorts),
    explain: (count) => `host-mode port already in use on ${nodes(count)}`,
  },
  {
    name: "maximum replicas",
    looksAt: "service",
    concerns: () => true,
    accepts: (_entry, _wanted, serviceTasks, maxReplicas) => mayTakeOneMore(serviceTasks, maxReplicas),
    explain: (count) => `max replicas per node limit exceed on ${nodes(count)}`,
  },
];

/** Stands for no filter where the number of one is expected. */
export const ACCEPTED = FILTERS.length;

/** The filter of a service's own doing. */
export const MAX_REPLICAS = FILTERS.findIndex(({ looksAt }) => looksAt === "service");

/** The filters that concern some requirements. */
export class FilterSet {
  readonly #wanted: Requirements;
  readonly #facts: readonly number[];
  readonly #load: readonly number[];

  constructor(wanted: Requirements) {
    this.#wanted = wanted;
    const numbersOf = (looksAt: Filter["looksAt"]) =>
      FILTERS.flatMap((filter, number) => (filter.looksAt === looksAt && filter.concerns(wanted) ? [number] : []));
    this.#facts = numbersOf("facts");
    this.#load = numbersOf("load");
  }

  /** @returns the number of the first filter that refuses what the node says of itself, or {@link ACCEPTED} */
  factsVerdict(entry: NodeEntry): number {
    for (const number of this.#facts) if (!FILTERS[number]!.accepts(entry, this.#wanted, 0, 0)) return number;
    return ACCEPTED;
  }

  /** Goes on from {@link factsVerdict}. @returns the first of that and of the filters that look at the load */
  loadVerdict(facts: number, entry: NodeEntry): number {
    for (const number of this.#load) {
      if (number > facts) break;
      if (!FILTERS[number]!.accepts(entry, this.#wanted, 0, 0)) return number;
    }
    return facts;
  }

  /** @returns the first filter of all that refuses the node, or {@link ACCEPTED} */
  verdict(entry: NodeEntry, serviceTasks: number, maxReplicas: number): number {
    const verdict = this.loadVerdict(this.factsVerdict(entry), entry);
    return verdict === ACCEPTED && !mayTakeOneMore(serviceTasks, maxReplicas) ? MAX_REPLICAS : verdict;
  }
}

/** What {@link MAX_REPLICAS} says. */
export function mayTakeOneMore(serviceTasks: number, maxReplicas: number): boolean {
  return maxReplicas === 0 || serviceTasks < maxReplicas;
}

/**
 * @param refusals how many nodes each filter refused
 * @returns "no suitable node (insufficient resources on 2 nodes; …)", the filter with most nodes first
 */
export function explain(refusals: ArrayLike<number>): string {
  const reasons = FILTERS.map((filter, number) => ({ filter, count: refusals[number] ?? 0 }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ filter, count }) => filter.explain(count));
  return reasons.length > 0 ? `no suitable node (${reasons.join("; ")})` : "no suitable node";
}

function nodes(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}
