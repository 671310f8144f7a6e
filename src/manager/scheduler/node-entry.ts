/** A node as the scheduler sees it: what it says of itself, and what its tasks take. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { type GenericResource, NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Demand } from "./demand.js";
import { chooseGeneric, type GenericAmounts, GenericClaims, genericAmounts } from "./generic-resources.js";

const NANO = 1e9;
/** Memory that counts as much as one CPU where free room is compared. */
const BYTES_PER_CPU = 4 * 2 ** 30;

export class NodeEntry {
  readonly id: string;
  /** Row of the node in every ranking. */
  readonly index: number;
  /** Decides between nodes that are equal in all else. */
  readonly rank: number;
  /** Undefined while only tasks speak of it. */
  node: Node | undefined;
  /** READY and ACTIVE. */
  isOpen = false;
  /** Tasks that are meant to run. */
  tasks = 0;
  /** Reserved, by everything that has not ended. */
  nanoCpus = 0;
  memoryBytes = 0;
  /** Things that hold something here: tasks that have not ended. */
  holders = 0;
  hostPorts: Map<string, number> | undefined;
  claims: GenericClaims | undefined;
  /** Tasks that failed here of late, by service and version of its specification. */
  failures: Map<string, number> | undefined;
  #totalCpus = 0;
  #totalMemory = 0;

  /** Where it stands among the entries by the time of their last change. */
  changedAt = 0;
  factsChangedAt = 0;
  isListed = false;
  older: NodeEntry | undefined;
  newer: NodeEntry | undefined;

  constructor(id: string, index: number, rank: number) {
    this.id = id;
    this.index = index;
    this.rank = rank;
  }

  setNode(node: Node | undefined): void {
    this.node = node;
    this.isOpen = node !== undefined && isOpen(node);
    this.#totalCpus = node?.description?.resources?.nanoCpus ?? 0;
    this.#totalMemory = node?.description?.resources?.memoryBytes ?? 0;
  }

  hasRoomFor({ nanoCpus, memoryBytes }: Demand): boolean {
    return (
      (nanoCpus === 0 || this.nanoCpus + nanoCpus <= this.#totalCpus) &&
      (memoryBytes === 0 || this.memoryBytes + memoryBytes <= this.#totalMemory)
    );
  }

  /** @returns what a task would get; undefined when there is not enough */
  chooseGeneric(wanted: GenericAmounts): readonly GenericResource[] | undefined {
    return chooseGeneric(wanted, genericAmounts(this.node?.description?.resources), this.claims);
  }

  hasPortsFree(ports: readonly string[]): boolean {
    return this.hostPorts === undefined || !ports.some((port) => this.hostPorts!.has(port));
  }

  /** Free room in CPUs: of free CPUs and free memory (4 GiB for one) what is scarcer; 0 or more. */
  get headroom(): number {
    const cpus = (this.#totalCpus - this.nanoCpus) / NANO;
    const memory = (this.#totalMemory - this.memoryBytes) / BYTES_PER_CPU;
    return Math.max(0, Math.min(cpus, memory));
  }

  hold(demand: Demand, generic: readonly GenericResource[], sign: 1 | -1): void {
    this.holders += sign;
    this.nanoCpus += sign * demand.nanoCpus;
    this.memoryBytes += sign * demand.memoryBytes;
    if (demand.hostPorts.length > 0) this.#countPorts(demand.hostPorts, sign);
    if (generic.length > 0) {
      this.claims ??= new GenericClaims();
      this.claims.change(generic, sign);
      if (this.claims.isEmpty) this.claims = undefined;
    }
  }

  #countPorts(ports: readonly string[], sign: 1 | -1): void {
    const counts = this.hostPorts ?? new Map<string, number>();
    for (const port of ports) {
      const count = (counts.get(port) ?? 0) + sign;
      if (count > 0) counts.set(port, count);
      else counts.delete(port);
    }
    this.hostPorts = counts.size > 0 ? counts : undefined;
  }
}

export function isOpen(node: Node): boolean {
  return (
    node.status?.state === NodeState.READY && (node.spec?.availability ?? Availability.ACTIVE) === Availability.ACTIVE
  );
}

/** All that filters look at is the same. */
export function sameFacts(a: Node | undefined, b: Node | undefined): boolean {
  if (a === b) return true;
  return (
    a !== undefined &&
    b !== undefined &&
    a.spec === b.spec &&
    a.description === b.description &&
    a.status?.state === b.status?.state &&
    a.status?.addr === b.status?.addr &&
    a.role === b.role
  );
}
