/** Whether a task is still what its service asks for. */
import { isDeepStrictEqual } from "node:util";
import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { EndpointSpec, TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Constraint, nodeMatches, parseConstraints } from "../scheduler/constraint.js";
import { stateOf } from "../task-life.js";
import { specOf } from "./new-task.js";

/** By what alone two specifications differ. */
type Difference = "equal" | "placement" | "pull" | "different";

/** Compares tasks with one service; what is equal is found out once per specification, not once per task. */
export class DirtyCheck {
  readonly #service: Service;
  readonly #spec: TaskSpec;
  readonly #constraints: readonly Constraint[];
  readonly #specs = new Map<TaskSpec | undefined, Difference>();
  readonly #endpoints = new Map<EndpointSpec | undefined, boolean>();

  constructor(service: Service) {
    this.#service = service;
    this.#spec = specOf(service);
    this.#constraints = parseConstraints(this.#spec.placement?.constraints ?? []);
  }

  /** @param node the node of the task: a task that still fits need not be replaced for a placement that changed */
  isDirty(task: Task, node: Node | undefined): boolean {
    if (task.specVersion !== undefined && task.specVersion.index === this.#service.specVersion?.index) return false;
    const difference = this.#compare(task.spec);
    if (difference === "different" || !this.#sameEndpoint(task.endpoint?.spec)) return true;
    if (difference === "equal") return false;
    // What is pulled is pulled, with whatever password.
    if (difference === "pull") return stateOf(task) < TaskState.READY || stateOf(task) > TaskState.RUNNING;
    return node !== undefined && !nodeMatches(this.#constraints, node);
  }

  #compare(spec: TaskSpec | undefined): Difference {
    let known = this.#specs.get(spec);
    if (known === undefined) {
      known = compareSpecs(spec, this.#spec);
      this.#specs.set(spec, known);
    }
    return known;
  }

  #sameEndpoint(spec: EndpointSpec | undefined): boolean {
    let known = this.#endpoints.get(spec);
    if (known === undefined) {
      known = isDeepStrictEqual(spec, this.#service.spec?.endpoint);
      this.#endpoints.set(spec, known);
    }
    return known;
  }
}

function compareSpecs(a: TaskSpec | undefined, b: TaskSpec): Difference {
  if (a === b || isDeepStrictEqual(a, b)) return "equal";
  if (!a) return "different";
  if (isDeepStrictEqual({ ...a, placement: undefined }, { ...b, placement: undefined })) return "placement";
  return isDeepStrictEqual(withoutPull(a), withoutPull(b)) ? "pull" : "different";
}

function withoutPull(spec: TaskSpec): TaskSpec {
  const { runtime } = spec;
  if (runtime?.$case !== "container") return spec;
  return { ...spec, runtime: { $case: "container", value: { ...runtime.value, pullOptions: undefined } } };
}

/** The two tasks were made from the same specification. */
export function sameMake(a: Task, b: Task): boolean {
  if (a.specVersion !== undefined && a.specVersion.index === b.specVersion?.index) return true;
  return isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(a.endpoint?.spec, b.endpoint?.spec);
}

/** What tasks of the service look like is the same in both, whatever else of it differs. */
export function sameTasks(a: Service, b: Service): boolean {
  if (a.specVersion?.index === b.specVersion?.index && a.spec === b.spec) return true;
  return (
    isDeepStrictEqual(specOf(a), specOf(b)) &&
    isDeepStrictEqual(a.spec?.endpoint, b.spec?.endpoint) &&
    a.spec?.mode?.$case === b.spec?.mode?.$case
  );
}
