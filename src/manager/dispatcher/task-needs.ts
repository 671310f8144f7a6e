/** The secrets and configs that a task cannot run without. Pure. */
import type { Config, Secret, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { isWanted, stateOf } from "../task-life.js";
import { type Need, needsOfSpec } from "../task-references.js";

export type NeededObject =
  | { readonly kind: "secret"; readonly object: Secret }
  | { readonly kind: "config"; readonly object: Config };

const NOTHING: readonly Need[] = [];
/** Tasks of a service share their specification. */
const known = new WeakMap<TaskSpec, readonly Need[]>();

/** What the task needs on its node now: nothing before it is assigned, after it has ended, or when it is called off. */
export function needsOf(task: Task): readonly Need[] {
  const state = stateOf(task);
  if (!task.spec || state < TaskState.ASSIGNED || state > TaskState.RUNNING || !isWanted(task)) return NOTHING;
  let needs = known.get(task.spec);
  if (!needs) {
    needs = needsOfSpec(task.spec);
    known.set(task.spec, needs);
  }
  return needs;
}

/**
 * What a node is given for a need. Payloads with placeholders go out as they are: the node that runs the task fills them in.
 * @returns undefined for what is gone, and for a secret whose value only a driver knows
 */
export function neededObject({ kind, id }: Need, read: StoreReader): NeededObject | undefined {
  if (kind === "config") {
    const object = read.get("config", id);
    return object && { kind, object };
  }
  const object = read.get("secret", id);
  return object && !object.spec?.driver ? { kind, object } : undefined;
}
