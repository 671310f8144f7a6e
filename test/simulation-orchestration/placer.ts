/** In the place of allocator and scheduler: each task goes to the least loaded node that it fits, if there is one. */
import type { Node, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { nodeMatches, parseConstraints } from "../../src/manager/scheduler/constraint.js";
import { isOver, isWanted, stateOf, statusAt } from "../../src/manager/task-life.js";
import type { Store } from "../../src/store/store.js";

const MAX_TASKS_PER_NODE = 14;
const NO_NODE = "no suitable node";

export async function placeAll(store: Store, nowMs: number): Promise<void> {
  await store.update((tx) => {
    const load = new Map<string, number>();
    for (const task of tx.all("task")) {
      if (task.nodeId !== "" && !isOver(task)) load.set(task.nodeId, (load.get(task.nodeId) ?? 0) + 1);
    }
    for (const task of tx.all("task")) {
      if (stateOf(task) >= TaskState.ASSIGNED || !isWanted(task)) continue;
      const node = choose(task, tx.all("node"), load);
      if (node) {
        load.set(node.id, (load.get(node.id) ?? 0) + 1);
        const change = { state: TaskState.ASSIGNED, message: "assigned" };
        tx.update("task", { ...task, nodeId: node.id, status: statusAt(task.status, change, nowMs) });
      } else if (task.status?.err !== NO_NODE) {
        const change = { state: TaskState.PENDING, message: "waits for a node", err: NO_NODE };
        tx.update("task", { ...task, status: statusAt(task.status, change, nowMs) });
      }
    }
  });
}

function choose(task: Task, nodes: readonly Node[], load: ReadonlyMap<string, number>): Node | undefined {
  const constraints = parseConstraints(task.spec?.placement?.constraints ?? []);
  const loadOf = ({ id }: Node) => load.get(id) ?? 0;
  const fitting = nodes.filter(
    (node) =>
      node.status?.state === NodeState.READY &&
      node.spec?.availability === Availability.ACTIVE &&
      nodeMatches(constraints, node) &&
      (task.nodeId === "" ? loadOf(node) < MAX_TASKS_PER_NODE : task.nodeId === node.id),
  );
  return fitting.sort((a, b) => loadOf(a) - loadOf(b))[0];
}
