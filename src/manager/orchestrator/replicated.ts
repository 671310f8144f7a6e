/** A replicated service: as many slots as replicas, each with a task. Pure. */
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { hasEnded, isNodeLost, stateOf } from "../task-life.js";
import { merge, type Outcome } from "./action.js";
import { currentTask, type Slot, type Surroundings } from "./slot.js";
import { careForSlot, isRemoved, removeSlot } from "./slot-care.js";
import { updateSlots } from "./updater.js";

export function reconcileReplicated(service: Service, slots: readonly Slot[], around: Surroundings): Outcome {
  const replicas = service.spec?.mode?.$case === "replicated" ? service.spec.mode.value.replicas : 0;
  const counted = slots.filter((slot) => !isRemoved(slot));
  const isLost = (task: Task) => task.nodeId !== "" && isNodeLost(around.node(task.nodeId));
  const ranked = counted.length > replicas ? rankSlots(counted, isLost) : counted;
  const kept = ranked.slice(0, replicas);
  const update = updateSlots(service, kept, around);
  return merge([
    ...ranked.slice(replicas).map(removeSlot),
    ...slots.filter(isRemoved).map(removeSlot),
    ...kept.filter((slot) => !update.handled.has(slot)).map((slot) => careForSlot(slot, around, isLost)),
    update,
    createSlots(kept, replicas),
  ]);
}

/** New slots take the lowest numbers that are free. */
function createSlots(kept: readonly Slot[], replicas: number): Outcome {
  const taken = new Set(kept.map(({ number }) => number));
  const steps = [];
  for (let number = 1; taken.size < replicas; number++) {
    if (taken.has(number)) continue;
    taken.add(number);
    steps.push([{ kind: "create", slot: number, nodeId: "", desiredState: TaskState.RUNNING }] as const);
  }
  return { steps };
}

/**
 * Slots to keep first. Running ones before others; then so that what stays is spread evenly: each node's first task
 * before any node's second.
 */
function rankSlots(slots: readonly Slot[], isLost: (task: Task) => boolean): readonly Slot[] {
  const rank = (slot: Slot) => {
    const task = currentTask(slot);
    if (!task || hasEnded(task) || isLost(task)) return 2;
    return stateOf(task) === TaskState.RUNNING ? 0 : 1;
  };
  const ordered = slots
    .map((slot) => ({ slot, rank: rank(slot), nodeId: currentTask(slot)?.nodeId ?? "", place: 0 }))
    .sort((a, b) => a.rank - b.rank || a.slot.number - b.slot.number);
  const places = new Map<string, number>();
  for (const entry of ordered) {
    entry.place = places.get(entry.nodeId) ?? 0;
    places.set(entry.nodeId, entry.place + 1);
  }
  return ordered
    .sort((a, b) => a.rank - b.rank || a.place - b.place || a.slot.number - b.slot.number)
    .map(({ slot }) => slot);
}
