/** A node as far as orchestration can tell: tasks that prepare, start, run, fail, stop, by the real agent's state machine. */

import { applyOutcome, type CallOutcome, type ControllerCall, nextAction } from "../../src/agent/worker/task-step.js";
import type { Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, type TaskStatus } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { timestampOf } from "../../src/api/time.js";
import { stateOf } from "../../src/manager/task-life.js";
import type { SeededRandom } from "../simulation/random.js";
import type { Temper } from "./temper.js";

interface Run {
  task: Task;
  state: TaskState;
  /** The end of the step, by which it has not been told. */
  isTold: boolean;
}

export type Reach =
  | "up"
  /** It works, and nobody hears of it. */
  | "cut"
  | "off";

export class FakeNode {
  readonly id: string;
  reach: Reach = "up";
  /** Since when it has not been heard of. */
  silentSinceMs: number | undefined;
  readonly #random: SeededRandom;
  readonly #runs = new Map<string, Run>();

  constructor(id: string, random: SeededRandom) {
    this.id = id;
    this.#random = random;
  }

  /** Tasks of which something runs there, whatever anybody believes. */
  running(): readonly Task[] {
    const isAlive = ({ state }: Run) => state >= TaskState.STARTING && state < TaskState.COMPLETE;
    return [...this.#runs.values()].filter(isAlive).map(({ task }) => task);
  }

  setReach(reach: Reach, nowMs: number): void {
    if (reach === "up") this.silentSinceMs = undefined;
    else this.silentSinceMs ??= nowMs;
    // What ran is dead when the power comes back.
    if (reach === "off") for (const run of this.#runs.values()) this.#set(run, endOf(run.state));
    this.reach = reach;
  }

  /** Takes in what it is to run: all of it. */
  assign(tasks: readonly Task[]): void {
    const ids = new Set(tasks.map(({ id }) => id));
    for (const id of this.#runs.keys()) if (!ids.has(id)) this.#runs.delete(id);
    for (const task of tasks) {
      const run = this.#runs.get(task.id);
      if (run) run.task = task;
      else this.#runs.set(task.id, { task, state: stateOf(task), isTold: true });
    }
  }

  /** A moment passes. */
  step(temper: Temper): void {
    if (this.reach === "off") return;
    for (const run of this.#runs.values()) {
      for (let moves = 1 + this.#random.int(4); moves > 0; moves--) if (!this.#move(run, temper)) break;
    }
  }

  /** What has changed since it was asked last. */
  reports(nowMs: number): readonly { readonly id: string; readonly status: TaskStatus }[] {
    const changed = [...this.#runs.values()].filter(({ isTold }) => !isTold);
    return changed.map((run) => {
      run.isTold = true;
      const failed = run.state === TaskState.FAILED || run.state === TaskState.REJECTED;
      return {
        id: run.task.id,
        status: {
          timestamp: timestampOf(nowMs),
          state: run.state,
          message: TaskState[run.state]!.toLowerCase(),
          err: failed ? "it did not go well" : "",
          runtimeStatus: undefined,
          portStatus: undefined,
          appliedBy: "",
          appliedAt: undefined,
        },
      };
    });
  }

  /** @returns whether there may be more to do at once */
  #move(run: Run, temper: Temper): boolean {
    const action = nextAction(run.task.desiredState, run.state);
    if (action.kind === "rest") return false;
    if (action.kind === "advance") {
      this.#set(run, action.state);
      return true;
    }
    const outcome = this.#call(action.call, run, temper);
    if (outcome === undefined) return false;
    this.#set(run, applyOutcome({ state: run.state, message: "", err: "" }, action.call, outcome).status.state);
    return true;
  }

  /** @returns undefined while it is under way */
  #call(call: ControllerCall, { task }: Run, temper: Temper): CallOutcome | undefined {
    const image = task.spec?.runtime?.$case === "container" ? task.spec.runtime.value.image : "";
    const failed = { kind: "fatal", error: "it did not go well" } as const;
    const done = { kind: "done" } as const;
    switch (call) {
      case "prepare":
        if (image.startsWith("missing")) return failed;
        return this.#random.chance(0.7) ? done : undefined;
      case "start":
        if (image.startsWith("broken")) return failed;
        return this.#random.chance(0.7) ? done : undefined;
      case "wait":
        if (image.startsWith("crashing") && this.#random.chance(0.3)) return failed;
        if (this.#random.chance(temper.failure)) return failed;
        return task.jobIteration && this.#random.chance(0.15) ? done : undefined;
      case "shutdown":
        return this.#random.chance(0.6) ? done : undefined;
    }
  }

  #set(run: Run, state: TaskState): void {
    if (state === run.state) return;
    run.state = state;
    run.isTold = false;
  }
}

function endOf(state: TaskState): TaskState {
  if (state >= TaskState.COMPLETE) return state;
  return state < TaskState.STARTING ? TaskState.REJECTED : TaskState.FAILED;
}
