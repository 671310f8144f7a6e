/** Writes down what orchestrators want. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, type UpdateStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { Transaction } from "../../store/transaction.js";
import { hasEnded, stateOf } from "../task-life.js";
import type { Action, Step } from "./action.js";
import { defaultLogDriver, newTask } from "./new-task.js";

export class Actor {
  readonly #clock: Clock;
  readonly #random: RandomBytes;

  constructor(clock: Clock, random: RandomBytes) {
    this.#clock = clock;
    this.#random = random;
  }

  perform(tx: Transaction, serviceId: string, step: Step): void {
    for (const action of step) this.#act(tx, serviceId, action);
  }

  #act(tx: Transaction, serviceId: string, action: Action): void {
    switch (action.kind) {
      case "create": {
        const service = tx.get("service", serviceId);
        if (!service) return;
        tx.create(
          "task",
          newTask(
            service,
            { ...action, id: newObjectId(this.#random), logDriver: defaultLogDriver(tx) },
            this.#clock.now(),
          ),
        );
        return;
      }
      case "desire":
        desire(tx, action);
        return;
      case "remove":
        remove(tx, action.taskId);
        return;
      case "delete":
        if (tx.get("task", action.taskId)) tx.remove("task", action.taskId);
        return;
      case "explain":
        explain(tx, action.taskId, action.message);
        return;
      case "update-status":
        if (isAsSeen(tx, action.of))
          tx.update("service", { ...tx.get("service", serviceId)!, updateStatus: action.status });
        return;
      case "roll-back":
        if (isAsSeen(tx, action.of)) rollBack(tx, serviceId, action.status);
    }
  }
}

function desire(
  tx: Transaction,
  { taskId, desiredState, labels, message }: Action & { readonly kind: "desire" },
): void {
  const task = tx.get("task", taskId);
  if (!task || task.desiredState >= desiredState) return;
  const { annotations, status } = task;
  tx.update("task", {
    ...task,
    desiredState,
    ...(labels && annotations ? { annotations: { ...annotations, labels: { ...annotations.labels, ...labels } } } : {}),
    ...(message !== undefined && status ? { status: { ...status, message } } : {}),
  });
}

/** A task of which nothing runs, and of which no node will ever tell, need not wait for the reaper. */
function remove(tx: Transaction, taskId: string): void {
  const task = tx.get("task", taskId);
  if (!task) return;
  if (hasEnded(task) || stateOf(task) < TaskState.ASSIGNED) tx.remove("task", taskId);
  else if (task.desiredState < TaskState.REMOVE) tx.update("task", { ...task, desiredState: TaskState.REMOVE });
}

function explain(tx: Transaction, taskId: string, message: string): void {
  const task = tx.get("task", taskId);
  // It goes on already.
  if (!task?.status || task.desiredState !== TaskState.READY || stateOf(task) !== TaskState.READY) return;
  if (task.status.message !== message) tx.update("task", { ...task, status: { ...task.status, message } });
}

/** Objects are shared: what is the same is identical. */
function isAsSeen(tx: Transaction, seen: Service): boolean {
  const service = tx.get("service", seen.id);
  return service !== undefined && service.spec === seen.spec && service.updateStatus === seen.updateStatus;
}

function rollBack(tx: Transaction, serviceId: string, updateStatus: UpdateStatus): void {
  const service = tx.get("service", serviceId);
  if (!service?.previousSpec) return;
  tx.update("service", {
    ...service,
    spec: service.previousSpec,
    specVersion: service.previousSpecVersion,
    previousSpec: undefined,
    previousSpecVersion: undefined,
    updateStatus,
  });
}
