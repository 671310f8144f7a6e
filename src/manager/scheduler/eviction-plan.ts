/** Which tasks have to leave a node that is not what it was. Pure. */
import type { Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { type GenericResource, NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { timestampMs } from "../../api/time.js";
import { isWanted } from "../task-life.js";
import { ConstraintError, nodeMatches, parseConstraints } from "./constraint.js";
import { demandOf } from "./demand.js";
import { coversGeneric, genericAmounts } from "./generic-resources.js";
import { isOnNode } from "./task-place.js";

export interface Eviction {
  readonly taskId: string;
  readonly reason: string;
}

/**
 * Tasks whose constraints the node does not meet, and those that do not fit into what it has: the oldest stay. A node that is drained or
 * lost is the orchestrator's; one that is paused keeps what it has.
 * @param tasks all of the node
 * @param serviceOf a constraint that the service has dropped binds its tasks no more
 */
export function planEvictions(
  node: Node,
  tasks: readonly Task[],
  serviceOf: (id: string) => Service | undefined,
): readonly Eviction[] {
  if (node.status?.state === NodeState.DOWN) return [];
  if ((node.spec?.availability ?? Availability.ACTIVE) !== Availability.ACTIVE) return [];
  const room = new Room(node);
  return tasks
    .filter((task) => isOnNode(task) && isWanted(task))
    .sort((a, b) => createdMs(a) - createdMs(b) || (a.id < b.id ? -1 : 1))
    .flatMap((task): readonly Eviction[] => {
      const broken = brokenConstraint(task, node, serviceOf);
      if (broken !== undefined) {
        return [{ taskId: task.id, reason: `assigned node no longer meets constraints (${broken})` }];
      }
      const lacking = room.take(task);
      return lacking === undefined
        ? []
        : [{ taskId: task.id, reason: `assigned node no longer has the resources that are reserved (${lacking})` }];
    });
}

/** What a node has, less what its older tasks keep. */
class Room {
  readonly #resources: NonNullable<Node["description"]>["resources"];
  #nanoCpus = 0;
  #memoryBytes = 0;
  readonly #generic: (readonly GenericResource[])[] = [];

  constructor(node: Node) {
    this.#resources = node.description?.resources;
  }

  /** @returns what there is too little of; undefined when the task can stay */
  take(task: Task): string | undefined {
    // A node that says nothing of its resources has not lost any.
    if (!this.#resources) return undefined;
    const { nanoCpus, memoryBytes } = demandOf(task);
    if (nanoCpus > 0 && this.#nanoCpus + nanoCpus > this.#resources.nanoCpus) return "CPUs";
    if (memoryBytes > 0 && this.#memoryBytes + memoryBytes > this.#resources.memoryBytes) return "memory";
    const { assignedGenericResources: generic } = task;
    if (generic.length > 0 && !coversGeneric(genericAmounts(this.#resources), [...this.#generic, generic])) {
      return [...new Set(generic.flatMap(({ resource }) => resource?.value.kind ?? []))].join(", ");
    }
    this.#nanoCpus += nanoCpus;
    this.#memoryBytes += memoryBytes;
    if (generic.length > 0) this.#generic.push(generic);
    return undefined;
  }
}

/** @returns the first constraint of the task that the service still has and that the node does not meet */
function brokenConstraint(task: Task, node: Node, serviceOf: (id: string) => Service | undefined): string | undefined {
  const own = task.spec?.placement?.constraints ?? [];
  if (own.length === 0) return undefined;
  const service = serviceOf(task.serviceId);
  const current = service ? (service.spec?.task?.placement?.constraints ?? []) : own;
  return own.find((expression) => current.includes(expression) && !meets(node, expression));
}

function meets(node: Node, expression: string): boolean {
  try {
    return nodeMatches(parseConstraints([expression]), node);
  } catch (error) {
    // A task that runs is not stopped because of what nobody can read.
    if (error instanceof ConstraintError) return true;
    throw error;
  }
}

function createdMs(task: Task): number {
  return timestampMs(task.meta?.createdAt);
}
