/**
 * What a node is to run, as a chain of messages: a COMPLETE one, then INCREMENTAL ones that each say on top of which state
 * they hold. Pure; it keeps what is not sent yet, at most one entry per task.
 */

import {
  AssignmentChange_AssignmentAction as Action,
  type AssignmentChange,
  type AssignmentsMessage,
  AssignmentsMessage_Type as Type,
} from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { stateOf } from "../task-life.js";

export class AssignmentFeed {
  readonly #nodeId: string;
  /** As the node was told last. */
  readonly #sent = new Map<string, Task>();
  /** To be told: the task as it is, or that it is gone. */
  readonly #pending = new Map<string, Task | "gone">();
  #sequence = 0;

  constructor(nodeId: string) {
    this.#nodeId = nodeId;
  }

  /** The first message. @param tasks all tasks of the node */
  complete(tasks: readonly Task[]): AssignmentsMessage {
    const assigned = tasks.filter((task) => this.#isAssigned(task));
    for (const task of assigned) this.#sent.set(task.id, task);
    return this.#message(Type.COMPLETE, assigned.map(update));
  }

  /** @param task as it is now; undefined when it is gone @returns whether there is something to send */
  note(id: string, task: Task | undefined): boolean {
    const sent = this.#sent.get(id);
    if (task && this.#isAssigned(task)) {
      if (sent && sameOrder(sent, task)) this.#pending.delete(id);
      else this.#pending.set(id, task);
    } else if (sent) this.#pending.set(id, "gone");
    else this.#pending.delete(id);
    return this.#pending.size > 0;
  }

  /** @returns what has changed since the last message; undefined when nothing has */
  next(): AssignmentsMessage | undefined {
    if (this.#pending.size === 0) return undefined;
    const changes: AssignmentChange[] = [];
    for (const [id, task] of this.#pending) {
      if (task === "gone") {
        changes.push(remove(this.#sent.get(id)!));
        this.#sent.delete(id);
      } else {
        changes.push(update(task));
        this.#sent.set(id, task);
      }
    }
    this.#pending.clear();
    return this.#message(Type.INCREMENTAL, changes);
  }

  #isAssigned(task: Task): boolean {
    return task.nodeId === this.#nodeId && stateOf(task) >= TaskState.ASSIGNED;
  }

  #message(type: Type, changes: readonly AssignmentChange[]): AssignmentsMessage {
    const appliesTo = this.#sequence === 0 ? "" : String(this.#sequence);
    this.#sequence++;
    return { type, appliesTo, resultsIn: String(this.#sequence), changes };
  }
}

function update(task: Task): AssignmentChange {
  return { action: Action.UPDATE, assignment: { item: { $case: "task", value: task } } };
}

function remove(task: Task): AssignmentChange {
  return { action: Action.REMOVE, assignment: { item: { $case: "task", value: task } } };
}

/** Nothing but what the node itself has reported is different. Objects are shared, so that unchanged parts are identical. */
function sameOrder(a: Task, b: Task): boolean {
  return (
    a.desiredState === b.desiredState &&
    a.spec === b.spec &&
    a.networks === b.networks &&
    a.endpoint === b.endpoint &&
    a.annotations === b.annotations &&
    a.serviceAnnotations === b.serviceAnnotations &&
    a.logDriver === b.logDriver &&
    a.volumes === b.volumes &&
    a.assignedGenericResources === b.assignedGenericResources
  );
}
