/**
 * What a node is to run, and what that needs, as a chain of messages: a COMPLETE one, then INCREMENTAL ones that each say on top of
 * which state they hold. Pure; it keeps what is not sent yet, at most one entry per task.
 */
import {
  AssignmentChange_AssignmentAction as Action,
  AssignmentsMessage_Type as Type,
} from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { stateOf } from "../task-life.js";
import type { Need } from "../task-references.js";
import { sameOrder } from "./same-order.js";
import { type NeededObject, neededObject, needsOf } from "./task-needs.js";

/** An object of the store that the node is given, or of what is taken back the id. */
export type FeedChange =
  | { readonly action: Action.UPDATE; readonly item: NeededObject | { readonly kind: "task"; readonly object: Task } }
  | { readonly action: Action.REMOVE; readonly kind: "task" | "secret" | "config"; readonly id: string };

export interface FeedMessage {
  readonly type: Type;
  readonly appliesTo: string;
  readonly resultsIn: string;
  /** What tasks need comes before them, and is taken back after them. */
  readonly changes: readonly FeedChange[];
}

interface NeedState {
  readonly need: Need;
  /** Ids of tasks. */
  readonly users: Set<string>;
  isSent: boolean;
}

export class AssignmentFeed {
  readonly #nodeId: string;
  /** As the node was told last; newer where there is nothing to tell. */
  readonly #sent = new Map<string, Task>();
  /** To be told: the task as it is, or that it is gone. */
  readonly #pending = new Map<string, Task | "gone">();
  readonly #needsByTask = new Map<string, readonly Need[]>();
  readonly #needs = new Map<string, NeedState>();
  /** Needs that have come or gone since the last message. */
  readonly #touched = new Set<NeedState>();
  #sequence = 0;

  constructor(nodeId: string) {
    this.#nodeId = nodeId;
  }

  get hasNews(): boolean {
    return this.#pending.size > 0 || this.#touched.size > 0;
  }

  /** The tasks that the node knows of by the last message. */
  get told(): Iterable<Task> {
    return this.#sent.values();
  }

  /** The first message. @param tasks all tasks of the node */
  complete(tasks: readonly Task[], read: StoreReader): FeedMessage {
    const assigned = tasks.filter((task) => this.#isAssigned(task));
    for (const task of assigned) {
      this.#sent.set(task.id, task);
      this.#noteNeeds(task.id, needsOf(task));
    }
    const changes = [...this.#given(read), ...assigned.map(give)];
    this.#touched.clear();
    return this.#message(Type.COMPLETE, changes);
  }

  /** @param task as it is now; undefined when it is gone @returns whether there is something to send */
  note(id: string, task: Task | undefined): boolean {
    const sent = this.#sent.get(id);
    if (task && this.#isAssigned(task)) {
      this.#noteNeeds(id, needsOf(task));
      if (sent && sameOrder(sent, task)) {
        this.#pending.delete(id);
        this.#sent.set(id, task);
      } else {
        this.#pending.set(id, task);
      }
    } else {
      this.#noteNeeds(id, []);
      if (sent) this.#pending.set(id, "gone");
      else this.#pending.delete(id);
    }
    return this.hasNews;
  }

  /** @param read for what tasks need @returns what has changed since the last message; undefined when nothing has */
  next(read: StoreReader): FeedMessage | undefined {
    if (!this.hasNews) return undefined;
    const changes: FeedChange[] = [...this.#given(read)];
    for (const [id, task] of this.#pending) {
      if (task === "gone") {
        changes.push({ action: Action.REMOVE, kind: "task", id });
        this.#sent.delete(id);
      } else {
        changes.push(give(task));
        this.#sent.set(id, task);
      }
    }
    this.#pending.clear();
    changes.push(...this.#takenBack());
    this.#touched.clear();
    return changes.length === 0 ? undefined : this.#message(Type.INCREMENTAL, changes);
  }

  #isAssigned(task: Task): boolean {
    return task.nodeId === this.#nodeId && stateOf(task) >= TaskState.ASSIGNED;
  }

  #noteNeeds(taskId: string, needs: readonly Need[]): void {
    const before = this.#needsByTask.get(taskId);
    if (before === needs || (!before && needs.length === 0)) return;
    if (needs.length === 0) this.#needsByTask.delete(taskId);
    else this.#needsByTask.set(taskId, needs);
    for (const need of needs) {
      let state = this.#needs.get(need.key);
      if (!state) {
        state = { need, users: new Set(), isSent: false };
        this.#needs.set(need.key, state);
      }
      state.users.add(taskId);
      this.#touch(state);
    }
    for (const { key } of before ?? []) {
      if (needs.some((need) => need.key === key)) continue;
      const state = this.#needs.get(key)!;
      state.users.delete(taskId);
      this.#touch(state);
    }
  }

  #touch(state: NeedState): void {
    const isNeeded = state.users.size > 0;
    if (isNeeded !== state.isSent) this.#touched.add(state);
    else this.#touched.delete(state);
    if (!isNeeded && !state.isSent) this.#needs.delete(state.need.key);
  }

  #given(read: StoreReader): readonly FeedChange[] {
    const changes: FeedChange[] = [];
    for (const state of this.#touched) {
      if (state.users.size === 0 || state.isSent) continue;
      const item = neededObject(state.need, read);
      if (!item) continue;
      state.isSent = true;
      changes.push({ action: Action.UPDATE, item });
    }
    return changes;
  }

  #takenBack(): readonly FeedChange[] {
    const changes: FeedChange[] = [];
    for (const state of this.#touched) {
      if (state.users.size > 0) continue;
      this.#needs.delete(state.need.key);
      if (state.isSent) changes.push({ action: Action.REMOVE, kind: state.need.kind, id: state.need.id });
    }
    return changes;
  }

  #message(type: Type, changes: readonly FeedChange[]): FeedMessage {
    const appliesTo = this.#sequence === 0 ? "" : String(this.#sequence);
    this.#sequence++;
    return { type, appliesTo, resultsIn: String(this.#sequence), changes };
  }
}

function give(object: Task): FeedChange {
  return { action: Action.UPDATE, item: { kind: "task", object } };
}
