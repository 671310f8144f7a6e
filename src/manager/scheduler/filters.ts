/** Which nodes may take a task, and why the others may not. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, type Platform } from "../../api/generated/docker/swarmkit/v1/types.js";
import { nodeMatches, parseConstraints } from "./constraint.js";
import { demandOf, type NodeLoad } from "./node-load.js";

export interface Filter {
  accepts(node: Node, load: NodeLoad): boolean;
  /** Said when it refused `count` nodes. */
  explain(count: number): string;
}

/** The filters that concern a task, the cheapest and most telling first. */
export function filtersFor(task: Task): readonly Filter[] {
  const { nanoCpus, memoryBytes, hostPorts } = demandOf(task);
  const constraints = parseConstraints(task.spec?.placement?.constraints ?? []);
  const platforms = task.spec?.placement?.platforms ?? [];
  const maxReplicas = task.spec?.placement?.maxReplicas ?? 0;
  const filters: Filter[] = [READY];
  if (nanoCpus > 0 || memoryBytes > 0) {
    filters.push({
      accepts: (node, load) => {
        const has = node.description?.resources;
        return (
          load.nanoCpus + nanoCpus <= (has?.nanoCpus ?? 0) && load.memoryBytes + memoryBytes <= (has?.memoryBytes ?? 0)
        );
      },
      explain: (count) => `insufficient resources on ${nodes(count)}`,
    });
  }
  if (constraints.length > 0) {
    filters.push({
      accepts: (node) => nodeMatches(constraints, node),
      explain: (count) => `scheduling constraints not satisfied on ${nodes(count)}`,
    });
  }
  if (platforms.length > 0) {
    filters.push({
      accepts: (node) => platforms.some((platform) => fitsPlatform(platform, node.description?.platform)),
      explain: (count) => `unsupported platform on ${nodes(count)}`,
    });
  }
  if (hostPorts.length > 0) {
    filters.push({
      accepts: (_node, load) => hostPorts.every((port) => !load.hostPorts.has(port)),
      explain: (count) => `host-mode port already in use on ${nodes(count)}`,
    });
  }
  if (maxReplicas > 0) {
    filters.push({
      accepts: (_node, load) => (load.byService.get(task.serviceId) ?? 0) < maxReplicas,
      explain: (count) => `max replicas per node limit exceed on ${nodes(count)}`,
    });
  }
  return filters;
}

const READY: Filter = {
  accepts: (node) =>
    node.status?.state === NodeState.READY && (node.spec?.availability ?? Availability.ACTIVE) === Availability.ACTIVE,
  explain: (count) => `${nodes(count)} not available for new tasks`,
};

/** @returns the first filter that refuses the node */
export function refusalOf(filters: readonly Filter[], node: Node, load: NodeLoad): Filter | undefined {
  return filters.find((filter) => !filter.accepts(node, load));
}

/** "no suitable node (insufficient resources on 2 nodes; …)" */
export function explain(filters: readonly Filter[], refusals: ReadonlyMap<Filter, number>): string {
  const reasons = filters.flatMap((filter) => {
    const count = refusals.get(filter) ?? 0;
    return count > 0 ? [filter.explain(count)] : [];
  });
  return reasons.length > 0 ? `no suitable node (${reasons.join("; ")})` : "no suitable node";
}

function nodes(count: number): string {
  return count === 1 ? "1 node" : `${count} nodes`;
}

/** Empty means any. */
function fitsPlatform(wanted: Platform, actual: Platform | undefined): boolean {
  const architecture = (name: string) =>
    ({ x86_64: "amd64", aarch64: "arm64" })[name.toLowerCase()] ?? name.toLowerCase();
  return (
    (wanted.os === "" || wanted.os.toLowerCase() === (actual?.os ?? "").toLowerCase()) &&
    (wanted.architecture === "" || architecture(wanted.architecture) === architecture(actual?.architecture ?? ""))
  );
}
