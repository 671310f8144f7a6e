/** Finds nodes for a group of equal tasks. Pure but for the load, which takes in each decision. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { explain, type Filter, filtersFor, refusalOf } from "./filters.js";
import { type ClusterLoad, demandOf } from "./node-load.js";
import { type Candidate, SpreadTree } from "./spread-tree.js";

export interface Placement {
  readonly taskId: string;
  /** The node, or why there is none. */
  readonly nodeId?: string;
  readonly reason?: string;
}

/**
 * @param tasks tasks of one service and one specification, without a node
 * @param load what runs where; it is not changed
 */
export function placeGroup(tasks: readonly Task[], nodes: readonly Node[], load: ClusterLoad): readonly Placement[] {
  const [first] = tasks;
  if (!first) return [];
  const filters = filtersFor(first);
  const demand = demandOf(first);
  const refusals = new Map<Filter, number>();
  const refuse = (filter: Filter) => refusals.set(filter, (refusals.get(filter) ?? 0) + 1);
  const candidates: Candidate[] = [];
  for (const node of nodes) {
    const nodeLoad = load.of(node.id);
    const refusal = refusalOf(filters, node, nodeLoad);
    if (refusal) refuse(refusal);
    else {
      const serviceTasks = nodeLoad.byService.get(first.serviceId) ?? 0;
      candidates.push({ node, serviceTasks, totalTasks: nodeLoad.tasks });
    }
  }
  const tree = new SpreadTree(candidates, first.spec?.placement?.preferences ?? []);
  const used: string[] = [];
  const place = (node: Node) => {
    const refusal = refusalOf(filters, node, load.of(node.id));
    if (refusal) {
      refuse(refusal);
      return false;
    }
    load.of(node.id).add(first.serviceId, demand, 1);
    used.push(node.id);
    return true;
  };
  const placements = tasks.map((task): Placement => {
    const node = tree.next(place);
    return node ? { taskId: task.id, nodeId: node.id } : { taskId: task.id, reason: explain(filters, refusals) };
  });
  // The decisions count for good when they are in the store.
  for (const nodeId of used) load.of(nodeId).add(first.serviceId, demand, -1);
  return placements;
}

/** A task of a global service: its node is chosen, only whether it fits is to be seen. */
export function placeOnItsNode(task: Task, node: Node | undefined, load: ClusterLoad): Placement {
  if (!node) return { taskId: task.id, reason: "no suitable node (its node is gone)" };
  const filters = filtersFor(task);
  const refusal = refusalOf(filters, node, load.of(node.id));
  if (!refusal) return { taskId: task.id, nodeId: node.id };
  return { taskId: task.id, reason: explain(filters, new Map([[refusal, 1]])) };
}
