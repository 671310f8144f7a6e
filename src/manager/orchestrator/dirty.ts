/** Whether a task is still what its service asks for. */
import { isDeepStrictEqual } from "node:util";
import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { EndpointSpec, TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { type Constraint, nodeMatches, parseConstraints } from "../scheduler/constraint.js";
import { specOf } from "./new-task.js";

/** Compares tasks with one service; what is equal is found out once per specification, not once per task. */
export class DirtyCheck {
  readonly #service: Service;
  readonly #spec: TaskSpec;
  readonly #constraints: readonly Constraint[];
  readonly #specs = new Map<TaskSpec | undefined, "equal" | "placement" | "different">();
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
    return node !== undefined && !nodeMatches(this.#constraints, node);
  }

  #compare(spec: TaskSpec | undefined): "equal" | "placement" | "different" {
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

function compareSpecs(a: TaskSpec | undefined, b: TaskSpec): "equal" | "placement" | "different" {
  if (a === b || isDeepStrictEqual(a, b)) return "equal";
  const same = a !== undefined && isDeepStrictEqual({ ...a, placement: undefined }, { ...b, placement: undefined });
  return same ? "placement" : "different";
}

/** The two tasks were made from the same specification. */
export function sameMake(a: Task, b: Task): boolean {
  return isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(a.endpoint?.spec, b.endpoint?.spec);
}
