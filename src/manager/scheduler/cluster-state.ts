/**
 * What runs where, kept up to date task by task, the scheduler's own decisions included from the moment when they are made. It
 * knows nothing of the store: whoever feeds it shows it nodes and tasks as they are now, in any order.
 */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { type GenericResource, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { timestampMs } from "../../api/time.js";
import { isWanted, stateOf } from "../task-life.js";
import { ChangedNodes } from "./changed-nodes.js";
import { type Demand, demandOf } from "./demand.js";
import { NodeEntry, sameFacts } from "./node-entry.js";
import { RecentFailures, versionKey } from "./recent-failures.js";
import { ServiceLoad } from "./service-load.js";
import { isOnNode } from "./task-place.js";

/** A task that holds something on a node. */
export interface Place {
  readonly entry: NodeEntry;
  readonly serviceId: string;
  readonly version: string;
  readonly demand: Demand;
  readonly generic: readonly GenericResource[];
  /** It counts where tasks are spread; one that is to stop holds its resources, but does not. */
  readonly counts: boolean;
  /** The scheduler has decided so, and the store does not say it yet. */
  isDecision: boolean;
}

export class ClusterState {
  readonly #seed: number;
  readonly #entries = new Map<string, NodeEntry>();
  readonly #rows: NodeEntry[] = [];
  readonly #freeRows: number[] = [];
  readonly #places = new Map<string, Place>();
  readonly #services = new Map<string, ServiceLoad>();
  readonly #changed = new ChangedNodes();
  readonly #failures: RecentFailures;

  /** @param seed decides in which order nodes come that are equal in all else */
  constructor(seed = 0) {
    this.#seed = seed;
    this.#failures = new RecentFailures((entry) => {
      this.#changed.touch(entry);
      this.#dropIfUnused(entry);
    });
  }

  /** Rows of nodes are below this. */
  get rowCount(): number {
    return this.#rows.length;
  }

  /** Number of the last change of any node. */
  get sequence(): number {
    return this.#changed.sequence;
  }

  /** See {@link ChangedNodes.firstAfter}. */
  firstChangedAfter(seen: number, last: NodeEntry | undefined): NodeEntry | undefined {
    return this.#changed.firstAfter(seen, last);
  }

  /** By row, while there is such a node. */
  row(index: number): NodeEntry {
    return this.#rows[index]!;
  }

  entry(nodeId: string): NodeEntry | undefined {
    return this.#entries.get(nodeId);
  }

  entries(): IterableIterator<NodeEntry> {
    return this.#entries.values();
  }

  place(taskId: string): Place | undefined {
    return this.#places.get(taskId);
  }

  service(id: string): ServiceLoad | undefined {
    return this.#services.get(id);
  }

  /** @returns whether something of it is different that filters look at */
  setNode(node: Node): boolean {
    const entry = this.#entryFor(node.id);
    const isSame = sameFacts(entry.node, node);
    entry.setNode(node);
    if (!isSame) this.#touchFacts(entry);
    return !isSame;
  }

  removeNode(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (!entry) return;
    entry.setNode(undefined);
    this.#touchFacts(entry);
    this.#dropIfUnused(entry);
  }

  /** Takes a task as it is now. @returns the node on which it gave something back */
  see(task: Task, nowMs: number): NodeEntry | undefined {
    const before = this.#places.get(task.id);
    if (!isOnNode(task)) {
      if (before && isFailure(task)) this.#recordFailure(before.entry, task, nowMs);
      return before && this.forget(task.id);
    }
    const counts = isWanted(task);
    if (before?.entry.id === task.nodeId && before.counts === counts && sameGeneric(before.generic, task)) return;
    const freed = before && this.forget(task.id);
    this.#put(task, this.#entryFor(task.nodeId), task.assignedGenericResources, counts, false);
    return freed;
  }

  /** A task that ended before anybody saw it here: its failure counts from when it was. */
  seePast(task: Task, nowMs: number): void {
    if (task.nodeId === "" || !isFailure(task)) return;
    const entry = this.#entries.get(task.nodeId);
    if (entry?.node) this.#recordFailure(entry, task, nowMs);
  }

  /** Counts a decision on a task without a place. @returns undefined when the node has not enough generic resources */
  decide(task: Task, entry: NodeEntry, wanted: Parameters<NodeEntry["chooseGeneric"]>[0]): Place | undefined {
    const generic = wanted.size === 0 ? NO_GENERIC : entry.chooseGeneric(wanted);
    if (!generic) return undefined;
    return this.#put(task, entry, generic, true, true);
  }

  /** @returns the node on which it gave something back */
  forget(taskId: string): NodeEntry | undefined {
    const place = this.#places.get(taskId);
    if (!place) return undefined;
    this.#places.delete(taskId);
    this.#count(place, -1);
    this.#dropIfUnused(place.entry);
    return place.entry;
  }

  /** Puts back what {@link forget} took away. */
  restore(taskId: string, place: Place): void {
    this.#places.set(taskId, place);
    this.#count(place, 1);
  }

  /** Failures that are long ago do not count any more. */
  expireFailures(nowMs: number): void {
    this.#failures.expire(nowMs);
  }

  #put(task: Task, entry: NodeEntry, generic: readonly GenericResource[], counts: boolean, isDecision: boolean): Place {
    const place: Place = {
      entry,
      serviceId: task.serviceId,
      version: versionKey(task.serviceId, task.specVersion?.index),
      demand: demandOf(task),
      generic,
      counts,
      isDecision,
    };
    this.restore(task.id, place);
    return place;
  }

  #count({ entry, serviceId, demand, generic, counts }: Place, sign: 1 | -1): void {
    entry.hold(demand, generic, sign);
    if (counts) {
      entry.tasks += sign;
      let service = this.#services.get(serviceId);
      if (!service) {
        service = new ServiceLoad();
        this.#services.set(serviceId, service);
      }
      service.change(entry.index, sign);
      if (service.nodeCount === 0) this.#services.delete(serviceId);
    }
    this.#changed.touch(entry);
  }

  #recordFailure(entry: NodeEntry, { serviceId, specVersion, status }: Task, nowMs: number): void {
    const atMs = timestampMs(status?.appliedAt ?? status?.timestamp) || nowMs;
    this.#failures.record(entry, versionKey(serviceId, specVersion?.index), atMs, nowMs);
  }

  #entryFor(nodeId: string): NodeEntry {
    let entry = this.#entries.get(nodeId);
    if (!entry) {
      const index = this.#freeRows.pop() ?? this.#rows.length;
      const before = this.#rows[index];
      if (before) this.#changed.drop(before);
      entry = new NodeEntry(nodeId, index, seededRank(nodeId, this.#seed));
      this.#entries.set(nodeId, entry);
      this.#rows[index] = entry;
      this.#touchFacts(entry);
    }
    return entry;
  }

  #touchFacts(entry: NodeEntry): void {
    this.#changed.touch(entry);
    entry.factsChangedAt = entry.changedAt;
  }

  /** The node is gone, and all that it ran: its row can be another's. */
  #dropIfUnused(entry: NodeEntry): void {
    if (entry.node !== undefined || entry.holders > 0 || entry.failures !== undefined) return;
    if (this.#entries.get(entry.id) !== entry) return;
    this.#entries.delete(entry.id);
    // The row stays, as that of no node, until a new node takes it: rankings have yet to hear of it.
    this.#freeRows.push(entry.index);
  }
}

const NO_GENERIC: readonly GenericResource[] = [];

function isFailure(task: Task): boolean {
  const state = stateOf(task);
  return state === TaskState.FAILED || state === TaskState.REJECTED;
}

/** A status that names no generic resources any more gives back nothing: only the end of the task does. */
function sameGeneric(held: readonly GenericResource[], { assignedGenericResources: now }: Task): boolean {
  return held === now || (held.length === now.length && JSON.stringify(held) === JSON.stringify(now));
}

/** FNV-1a of the id, from the seed on: the same seed gives the same order, whatever the order in which nodes came. */
function seededRank(id: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 13)) >>> 0;
}
