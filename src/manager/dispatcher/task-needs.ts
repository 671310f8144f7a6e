/** The secrets and configs that a task cannot run without. Pure. */
import type { Config, Secret, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { ResourceType, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { isWanted, stateOf } from "../task-life.js";

/** A secret or a config, by its id. */
export interface Need {
  readonly kind: "secret" | "config";
  readonly id: string;
  /** Of both. */
  readonly key: string;
}

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
    needs = namedBy(task.spec);
    known.set(task.spec, needs);
  }
  return needs;
}

function namedBy({ runtime, resourceReferences }: TaskSpec): readonly Need[] {
  const needs = new Map<string, Need>();
  const add = (kind: Need["kind"], id: string) => {
    const key = `${kind}/${id}`;
    if (id !== "") needs.set(key, { kind, id, key });
  };
  if (runtime?.$case === "container") {
    for (const { secretId } of runtime.value.secrets) add("secret", secretId);
    for (const { configId } of runtime.value.configs) add("config", configId);
  }
  for (const { resourceId, resourceType } of resourceReferences) {
    if (resourceType === ResourceType.SECRET) add("secret", resourceId);
    else if (resourceType === ResourceType.CONFIG) add("config", resourceId);
  }
  return needs.size === 0 ? NOTHING : [...needs.values()];
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
