/** A global service: one task on every node that fits. Pure. */
import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { nodeMatches, parseConstraints } from "../scheduler/constraint.js";
import { isOver, isWanted, stateOf } from "../task-life.js";
import { desire, merge, NOTHING, type Outcome } from "./action.js";
import { newestTask, type Slot, type Surroundings } from "./slot.js";
import { careForSlot, isRemoved, removeSlot, replacement } from "./slot-care.js";
import { updateSlots } from "./updater.js";

export function reconcileGlobal(
  service: Service,
  slots: readonly Slot[],
  nodes: readonly Node[],
  around: Surroundings,
): Outcome {
  const constraints = parseConstraints(service.spec?.task?.placement?.constraints ?? []);
  const slotOfNode = new Map(slots.map((slot) => [slot.nodeId, slot]));
  const fits = (node: Node) => nodeMatches(constraints, node);
  const served = new Set<Slot>();
  const outcomes: Outcome[] = [];
  for (const node of nodes) {
    const slot = slotOfNode.get(node.id);
    const availability = node.spec?.availability;
    if (availability === Availability.PAUSE) continue;
    if (availability === Availability.DRAIN || node.status?.state === NodeState.DOWN || !fits(node)) {
      if (slot) outcomes.push(stopSlot(slot));
    } else if (!slot || isRemoved(slot)) {
      if (node.status?.state === NodeState.READY) {
        outcomes.push({
          steps: [[{ kind: "create", slot: 0, nodeId: node.id, desiredState: TaskState.RUNNING }]],
        });
      }
    } else {
      served.add(slot);
    }
  }
  for (const slot of slots) {
    if (isRemoved(slot)) outcomes.push(removeSlot(slot));
    else if (!around.node(slot.nodeId)) outcomes.push(deleteSlot(slot));
  }
  const update = updateSlots(service, [...served], around);
  for (const slot of served) if (!update.handled.has(slot)) outcomes.push(careForNode(slot, around));
  return merge([...outcomes, update]);
}

/** A task that was stopped because of its node comes back with the node, whatever the restart policy says. */
function careForNode(slot: Slot, around: Surroundings): Outcome {
  const newest = newestTask(slot);
  if (!slot.tasks.some(isWanted) && isOver(newest) && stateOf(newest) <= TaskState.SHUTDOWN && !isDone(newest)) {
    return { steps: [[replacement(slot, TaskState.RUNNING)]] };
  }
  return careForSlot(slot, around, () => false);
}

function isDone(task: Task): boolean {
  return stateOf(task) === TaskState.COMPLETE;
}

function stopSlot(slot: Slot): Outcome {
  const wanted = slot.tasks.filter(isWanted);
  return wanted.length > 0 ? { steps: [wanted.map((task) => desire(task.id, TaskState.SHUTDOWN))] } : NOTHING;
}

/** The node is gone, and what ran there with it. */
function deleteSlot(slot: Slot): Outcome {
  return { steps: [slot.tasks.map((task) => ({ kind: "delete", taskId: task.id }))] };
}
