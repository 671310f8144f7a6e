/** The secrets and configs that specifications name. Pure. */
import type { ResourceReference, ServiceSpec, TaskSpec } from "../api/generated/docker/swarmkit/v1/specs.js";
import { type ConfigReference, ResourceType, type SecretReference } from "../api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../api/generated/tswarm/v1/process.js";

/** A secret or a config, by its id. */
export interface Need {
  readonly kind: "secret" | "config";
  readonly id: string;
  /** Of both. */
  readonly key: string;
}

export interface FileReferences {
  readonly secrets: readonly SecretReference[];
  readonly configs: readonly ConfigReference[];
}

const NOTHING: readonly Need[] = [];
const NO_FILES: FileReferences = { secrets: [], configs: [] };

/** What tasks of the specification cannot run without, each once. */
export function needsOfSpec({ runtime, resourceReferences }: TaskSpec): readonly Need[] {
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

/** The files that a container or a process is given. The payload of a process has been found good before. */
export function filesOf({ runtime }: TaskSpec): FileReferences {
  if (runtime?.$case === "container") return runtime.value;
  if (runtime?.$case === "generic" && runtime.value.kind === "process" && runtime.value.payload) {
    return ProcessSpec.decode(runtime.value.payload.value);
  }
  return NO_FILES;
}

/**
 * The specification with what the payload of a process names as resource references, and nothing else of these kinds: what nodes are
 * given follows from there, and nobody has to look into payloads.
 */
export function withReferences(spec: ServiceSpec): ServiceSpec {
  const { task } = spec;
  if (task?.runtime?.$case !== "generic" || task.runtime.value.kind !== "process") return spec;
  const { secrets, configs } = filesOf(task);
  const others = task.resourceReferences.filter(({ resourceType }) => resourceType === ResourceType.TASK);
  if (secrets.length + configs.length === 0 && others.length === task.resourceReferences.length) return spec;
  const named = (resourceType: ResourceType, ids: readonly string[]): ResourceReference[] =>
    [...new Set(ids)].map((resourceId) => ({ resourceId, resourceType }));
  return {
    ...spec,
    task: {
      ...task,
      resourceReferences: [
        ...others,
        ...named(
          ResourceType.SECRET,
          secrets.map(({ secretId }) => secretId),
        ),
        ...named(
          ResourceType.CONFIG,
          configs.map(({ configId }) => configId),
        ),
      ],
    },
  };
}
