/**
 * Jobs: tasks that run to their end. A replicated job has so many slots as it wants completions, from 1 on, some at a time; a global
 * job a slot on every node that fits. Each change of the service is another iteration: it runs anew. Pure.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { hasEnded, isOver, isWanted, stateOf } from "../task-life.js";
import { type Action, NOTHING, type Outcome } from "./action.js";
import { create, deleteTasks, isServed, mustLeave } from "./global.js";
import type { JobPhase } from "./job-tally.js";
import { mayRestart } from "./restart.js";
import type { ServiceRules } from "./service-rules.js";
import { newestTask, type Slot, type Surroundings } from "./slot.js";
import { careForSlot, removeSlot } from "./slot-care.js";

export interface JobSize {
  readonly completions: number;
  readonly concurrent: number;
}

/** Of a replicated job; one that does not say how many may run at once may run all. */
export function jobSize({ service }: ServiceRules): JobSize {
  const { mode } = service.spec ?? {};
  if (mode?.$case !== "replicatedJob") return { completions: 0, concurrent: 0 };
  const { maxConcurrent, totalCompletions } = mode.value;
  return { completions: totalCompletions, concurrent: maxConcurrent || totalCompletions };
}

/** How far the slot is in the present iteration. */
export function jobPhase(slot: Slot, { iteration }: ServiceRules): JobPhase {
  const own = slot.tasks.filter((task) => isOf(task, iteration) && task.desiredState < TaskState.REMOVE);
  if (own.length === 0) return "open";
  if (own.some((task) => stateOf(task) === TaskState.COMPLETE)) return "complete";
  const newest = own.at(-1)!;
  const isAlive = own.some((task) => isWanted(task) && !hasEnded(task)) || mayRestart({ ...slot, tasks: own }, newest);
  return isAlive ? "running" : "failed";
}

/** What a slot of a replicated job needs; that it begins is decided for all slots together. */
export function careForJobSlot(slot: Slot, rules: ServiceRules, around: Surroundings): Outcome {
  const { completions } = jobSize(rules);
  if (slot.number > completions) {
    const surplus = slot.tasks.filter((task) => !isOf(task, rules.iteration) || !hasEnded(task));
    return removeSlot({ tasks: surplus });
  }
  const past = endPast(slot, rules);
  return past.steps.length > 0 ? past : careForPresent(slot, rules, around);
}

/** @param slot the node's tasks of the job, if it has any */
export function careForJobNode(
  nodeId: string,
  slot: Slot | undefined,
  rules: ServiceRules,
  around: Surroundings,
): Outcome {
  const node = around.node(nodeId);
  if (!node) return slot ? deleteTasks(slot) : NOTHING;
  const past = slot ? endPast(slot, rules) : NOTHING;
  if (past.steps.length > 0) return past;
  if (slot && mustLeave(node, rules)) return removeSlot({ tasks: slot.tasks.filter((task) => !hasEnded(task)) });
  if (!isServed(node, rules)) return NOTHING;
  if (!slot || jobPhase(slot, rules) === "open") return create(nodeId, slot, rules);
  return careForPresent(slot, rules, around);
}

/** What an earlier iteration has not finished ends with it. */
function endPast(slot: Slot, { iteration }: ServiceRules): Outcome {
  const unfinished = slot.tasks.filter((task) => !isOf(task, iteration) && !hasEnded(task));
  const steps: Action[] = unfinished
    .filter((task) => task.desiredState < TaskState.REMOVE)
    .map(({ id }) => ({ kind: "remove", taskId: id }));
  return steps.length > 0 ? { steps: [steps] } : NOTHING;
}

function careForPresent(slot: Slot, rules: ServiceRules, around: Surroundings): Outcome {
  if (jobPhase(slot, rules) === "open") return NOTHING;
  // Of the past only what still stops matters.
  const tasks = slot.tasks.filter((task) => isOf(task, rules.iteration) || !isOver(task));
  const newest = newestTask({ ...slot, tasks });
  return newest ? careForSlot({ ...slot, tasks }, rules, around) : NOTHING;
}

function isOf(task: Task, iteration: number | undefined): boolean {
  return (task.jobIteration?.index ?? 0) === iteration;
}
