/**
 * When a task is replaced, and when its replacement starts. All of it follows from the tasks that the store keeps: how often
 * a slot was restarted is how many tasks of the same version it has had.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  RestartPolicy_RestartCondition as RestartCondition,
  TaskState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { evictionReason } from "../scheduler/eviction.js";
import { isDrained, isNodeLost, isOver, isWanted, stateOf } from "../task-life.js";
import { desire, type Outcome } from "./action.js";
import { restartRules, stopGraceMs } from "./defaults.js";
import { sameMake } from "./dirty.js";
import { changedMs, createdMs, predecessors, type Slot, type Surroundings } from "./slot.js";
import { isMadeByUpdate } from "./task-marks.js";

/** A replacement waits no longer than this for its predecessor to stop. */
const OLD_TASK_TIMEOUT_MS = 60_000;
/** Where a task may take longer to stop, its node gets this much on top to say so. */
const STOP_REPORT_MS = 10_000;
/** Shorter waits are not worth a word. */
const MIN_EXPLAINED_MS = 1000;

/** Why a task that ended, or lost its node, gets no replacement, for people; undefined when it gets one. */
export function whyNoRestart(slot: Slot, task: Task): string | undefined {
  const { condition, maxAttempts, windowMs } = restartRules(task.spec);
  // What has not begun is not begun again.
  const hasBegun = stateOf(task) >= TaskState.STARTING;
  if (condition === RestartCondition.NONE && hasBegun) return "its restart condition is none";
  const isDone = stateOf(task) === TaskState.COMPLETE;
  // A job that is done is done.
  if (isDone && task.jobIteration !== undefined) return "the job is done";
  if (isDone && condition === RestartCondition.ON_FAILURE) return "it is done, and is restarted on failure only";
  // Attempts are limited for what fails; who lost its node, or has to leave it, is not to blame.
  if (maxAttempts === 0 || !endedByItself(task)) return undefined;
  const made = restartsBefore(slot, task, windowMs);
  if (made < maxAttempts) return undefined;
  const within = windowMs > 0 ? ` within ${windowMs / 1000} s` : "";
  return `its ${maxAttempts} restart attempts${within} are used up`;
}

export function mayRestart(slot: Slot, task: Task): boolean {
  return whyNoRestart(slot, task) === undefined;
}

/** Restarts of the slot with this task's version in the window that ends when the task did; a window of 0 is for ever. */
function restartsBefore(slot: Slot, task: Task, windowMs: number): number {
  const endMs = changedMs(task);
  const sinceMs = windowMs > 0 ? endMs - windowMs : Number.NEGATIVE_INFINITY;
  return restarts(slot, task).filter(({ replacement }) => {
    const atMs = createdMs(replacement);
    return atMs > sinceMs && (windowMs === 0 || atMs <= endMs);
  }).length;
}

/** An attempt: a task that ended by itself, and the one that was made for that. */
export interface Restart {
  readonly ended: Task;
  readonly replacement: Task;
}

/** The restarts of a task's version in its slot since an update last put a task there, oldest first. What was taken away, or lost its node, is none. */
export function restarts(slot: Slot, task: Task): readonly Restart[] {
  let found: Restart[] = [];
  let before: Task | undefined;
  for (const one of slot.tasks) {
    if (one.specVersion?.index !== task.specVersion?.index || one.desiredState === TaskState.REMOVE) continue;
    if (one.jobIteration?.index !== task.jobIteration?.index) continue;
    if (isMadeByUpdate(one)) found = [];
    else if (before && endedByItself(before)) found.push({ ended: before, replacement: one });
    before = one;
  }
  return found;
}

/** Starts a task that waits in READY, once its time has come and its predecessors have stopped. */
export function startWhenDue(slot: Slot, task: Task, around: Surroundings): Outcome {
  const earliestMs = startDueMs(slot, task, around);
  if (around.nowMs < earliestMs) {
    const before = predecessors(slot, task).at(-1)!;
    return waits(
      task,
      earliestMs,
      around,
      `starts ${secondsOf(earliestMs - createdMs(task))} s after task ${before.id} ended`,
    );
  }
  const before = predecessors(slot, task).filter((old) => isAwaited(old, around));
  const patienceMs = Math.max(OLD_TASK_TIMEOUT_MS, ...before.map((old) => stopGraceMs(old.spec) + STOP_REPORT_MS));
  const latestMs = earliestMs + patienceMs;
  if (before.length > 0 && around.nowMs < latestMs) {
    return waits(task, latestMs, around, `waits for task ${before[0]!.id} to stop`);
  }
  return { steps: [[desire(task.id, task.jobIteration ? TaskState.COMPLETE : TaskState.RUNNING)]] };
}

/** When a task in READY may start, ms since 1970. */
export function startDueMs(slot: Slot, task: Task, around: Surroundings): number {
  // Creation times differ by microseconds even within a millisecond: that is not to be waited for.
  return Math.floor(createdMs(task)) + startDelayMs(slot, task, around);
}

/** A task that takes the place of one that ended by itself waits; one that follows an update or a lost node does not. */
function startDelayMs(slot: Slot, task: Task, around: Surroundings): number {
  const before = predecessors(slot, task).at(-1);
  if (!before || !endedByItself(before) || isMadeByUpdate(task) || !sameMake(before, task)) return 0;
  if (before.nodeId !== "" && isDrained(around.node(before.nodeId))) return 0;
  return restartRules(task.spec).delayMs;
}

/** Not because somebody has called it off, or taken it from its node. */
function endedByItself(task: Task): boolean {
  if (task.desiredState === TaskState.REMOVE || evictionReason(task) !== undefined) return false;
  const state = stateOf(task);
  return state === TaskState.COMPLETE || state === TaskState.FAILED || state === TaskState.REJECTED;
}

/** One that is still meant to run is not waited for: both run for a while then. */
function isAwaited(old: Task, around: Surroundings): boolean {
  if (isOver(old) || isWanted(old)) return false;
  if (old.nodeId === "") return true;
  const node = around.node(old.nodeId);
  // Nobody will tell when it stops.
  return !isNodeLost(node) || isDrained(node);
}

function waits(task: Task, wakeAtMs: number, around: Surroundings, message: string): Outcome {
  const isTold = stateOf(task) !== TaskState.READY || task.status?.message === message;
  if (isTold || wakeAtMs - around.nowMs < MIN_EXPLAINED_MS) return { steps: [], wakeAtMs };
  return { steps: [[{ kind: "explain", taskId: task.id, message }]], wakeAtMs };
}

function secondsOf(ms: number): number {
  return Math.round(ms / 100) / 10;
}
