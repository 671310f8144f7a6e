/**
 * What a manager assigned to this node, kept up by messages each of which says which one it follows. Pure.
 *
 * COMPLETE messages carry everything, INCREMENTAL ones a change of what the message before led to. One that does not fit means that
 * something was lost: the whole set is asked for anew, and what is known stays in force meanwhile.
 */
import {
  type AssignmentChange,
  AssignmentChange_AssignmentAction,
  type AssignmentsMessage,
  AssignmentsMessage_Type,
} from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Config, Secret, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { VolumeAssignment } from "../../api/generated/docker/swarmkit/v1/types.js";

export interface Assignments {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly configs: ReadonlyMap<string, Config>;
  readonly volumes: ReadonlyMap<string, VolumeAssignment>;
}

/** What one message changed of the tasks. */
export interface TaskChanges {
  readonly updated: readonly Task[];
  readonly removedIds: readonly string[];
}

export type ApplyResult = { readonly kind: "applied"; readonly changes: TaskChanges } | { readonly kind: "resync" };

interface Sets {
  readonly tasks: Map<string, Task>;
  readonly secrets: Map<string, Secret>;
  readonly configs: Map<string, Config>;
  readonly volumes: Map<string, VolumeAssignment>;
}

const emptySets = (): Sets => ({ tasks: new Map(), secrets: new Map(), configs: new Map(), volumes: new Map() });

export class AssignmentSet {
  #sets: Sets = emptySets();
  #revision: string | undefined;
  #isComplete = false;

  /** @param tasks those of an earlier run: in force until a manager says otherwise */
  constructor(tasks: Iterable<Task> = []) {
    for (const task of tasks) this.#sets.tasks.set(task.id, task);
  }

  get current(): Assignments {
    return this.#sets;
  }

  /** Whether a manager has said all that is assigned; an agent that starts knows its tasks alone. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** A new stream begins with a COMPLETE message; nothing before it counts as its predecessor. */
  streamOpened(): void {
    this.#revision = undefined;
  }

  apply(message: AssignmentsMessage): ApplyResult {
    if (message.type === AssignmentsMessage_Type.COMPLETE) return this.#replace(message);
    if (this.#revision === undefined || message.appliesTo !== this.#revision) {
      this.#revision = undefined;
      return { kind: "resync" };
    }
    this.#revision = message.resultsIn;
    const updated = new Map<string, Task>();
    const removedIds = new Set<string>();
    for (const change of message.changes) {
      applyChange(this.#sets, change);
      const item = change.assignment?.item;
      if (item?.$case !== "task") continue;
      const { id } = item.value;
      const removed = change.action === AssignmentChange_AssignmentAction.REMOVE;
      updated.delete(id);
      removedIds.delete(id);
      if (removed) removedIds.add(id);
      else updated.set(id, item.value);
    }
    return { kind: "applied", changes: { updated: [...updated.values()], removedIds: [...removedIds] } };
  }

  #replace(message: AssignmentsMessage): ApplyResult {
    const before = this.#sets;
    this.#sets = emptySets();
    this.#revision = message.resultsIn;
    this.#isComplete = true;
    for (const change of message.changes) applyChange(this.#sets, change);
    const removedIds = [...before.tasks.keys()].filter((id) => !this.#sets.tasks.has(id));
    return { kind: "applied", changes: { updated: [...this.#sets.tasks.values()], removedIds } };
  }
}

function applyChange(sets: Sets, { assignment, action }: AssignmentChange): void {
  const item = assignment?.item;
  if (!item) return;
  const remove = action === AssignmentChange_AssignmentAction.REMOVE;
  switch (item.$case) {
    case "task":
      put(sets.tasks, item.value, remove);
      break;
    case "secret":
      put(sets.secrets, item.value, remove);
      break;
    case "config":
      put(sets.configs, item.value, remove);
      break;
    case "volume":
      put(sets.volumes, item.value, remove);
      break;
  }
}

function put<T extends { readonly id: string }>(into: Map<string, T>, value: T, remove: boolean): void {
  if (remove) into.delete(value.id);
  else into.set(value.id, value);
}
