/** A global service: one task on every node that fits. Pure. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { isDrained, isOver, isWanted, stateOf } from "../task-life.js";
import { NOTHING, type Outcome } from "./action.js";
import type { ServiceRules } from "./service-rules.js";
import { isOpen, newestTask, type Slot, type Surroundings } from "./slot.js";
import { careForSlot, replacement, stopSlot } from "./slot-care.js";

/** The node is to have a task of the service, and can have one now: its slot takes part in updates. */
export function isServed(node: Node | undefined, rules: ServiceRules): node is Node {
  return (
    node !== undefined &&
    node.spec?.availability === Availability.ACTIVE &&
    node.status?.state === NodeState.READY &&
    rules.fits(node)
  );
}

/** @param slot the node's tasks of the service, if it has any */
export function careForNode(
  nodeId: string,
  slot: Slot | undefined,
  rules: ServiceRules,
  around: Surroundings,
): Outcome {
  const node = around.node(nodeId);
  // The node is gone, and what ran there with it.
  if (!node) return slot ? deleteTasks(slot) : NOTHING;
  if (slot && mustLeave(node, rules)) return stopSlot(slot);
  // A node that is paused keeps what it has; of one that is silent nobody knows, and nobody else can take its place.
  if (!isServed(node, rules)) return NOTHING;
  if (!slot || !isOpen(slot)) return create(nodeId, slot, rules);
  const newest = newestTask(slot)!;
  const wasStopped = !slot.tasks.some(isWanted) && isOver(newest) && !endedByItself(stateOf(newest));
  // A task that was stopped because of its node comes back with the node, whatever the restart policy says.
  if (wasStopped) return { steps: [[replacement(slot, rules.goal)]] };
  return careForSlot(slot, rules, around);
}

/** A paused node is left as it is. */
export function mustLeave(node: Node, rules: ServiceRules): boolean {
  return isDrained(node) || (node.spec?.availability === Availability.ACTIVE && !rules.fits(node));
}

/** What still runs there for something that was given up is waited for. */
export function create(nodeId: string, slot: Slot | undefined, rules: ServiceRules): Outcome {
  const isFree = !slot || slot.tasks.every(isOver);
  return { steps: [[replacement({ number: 0, nodeId }, isFree ? rules.goal : TaskState.READY)]] };
}

export function deleteTasks({ tasks }: Slot): Outcome {
  return tasks.length > 0 ? { steps: [tasks.map(({ id }) => ({ kind: "delete", taskId: id }))] } : NOTHING;
}

function endedByItself(state: TaskState): boolean {
  return state === TaskState.COMPLETE || state === TaskState.FAILED || state === TaskState.REJECTED;
}
