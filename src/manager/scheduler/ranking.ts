/**
 * The nodes that fit some requirements, in the order in which they are taken, and how many nodes each filter refuses. It follows the
 * cluster's state: a look at it costs what has changed since the last one, and can be taken in parts.
 *
 * There are two kinds. One is for everybody with the same requirements and knows nothing of services. The other is one service's own:
 * it ranks by how many of the service's tasks a node has before all else.
 */
import type { ClusterState } from "./cluster-state.js";
import { ACCEPTED, FILTERS, FilterSet, MAX_REPLICAS, mayTakeOneMore } from "./filters.js";
import { LabelTree } from "./label-tree.js";
import type { NodeEntry } from "./node-entry.js";
import { NodeColumns, NodeHeap } from "./node-heap.js";
import { failureRank } from "./recent-failures.js";
import type { Requirements } from "./requirements.js";
import type { WorkBudget } from "./work-budget.js";

/** Of a row that has no node. */
const GONE = 255;
/** More than a node has tasks. */
export const PER_FAILURE = 1e9;
/** Less than the room of the smallest reservation, a thousandth of a CPU, with a million tasks. */
const PER_TASK = 1e-9;

/** What makes a ranking one service's own. */
export interface ServiceRules {
  readonly serviceId: string;
  /** Key of the service's version, under which failures are counted. */
  readonly version: string;
  /** On each node; 0 for no limit. */
  readonly maxReplicas: number;
}

export class Ranking {
  readonly requirements: Requirements;
  readonly tree: LabelTree;
  readonly #state: ClusterState;
  readonly #own: ServiceRules | undefined;
  readonly #filters: FilterSet;
  readonly #columns = new NodeColumns();
  readonly #heaps: NodeHeap[] = [];
  /** Tasks of the service in each leaf, on nodes of all kinds; kept by a ranking of its own only. */
  readonly #leafTasks: number[] = [];
  readonly #refusals = new Int32Array(FILTERS.length);
  #verdicts = new Uint8Array(0);
  #facts = new Uint8Array(0);
  #factsSeen = new Float64Array(0);
  #leaves = new Int32Array(0);
  #tasks = new Int32Array(0);
  /** The last change that it knows, and of which node that was. */
  #seen = 0;
  #last: NodeEntry | undefined;

  constructor(state: ClusterState, requirements: Requirements, own?: ServiceRules) {
    this.#state = state;
    this.requirements = requirements;
    this.#own = own;
    this.#filters = new FilterSet(requirements);
    this.tree = new LabelTree(requirements.spread);
  }

  /** Of the service's version whose own it is. */
  get ownVersion(): string | undefined {
    return this.#own?.version;
  }

  /** Rows that it keeps. */
  get rows(): number {
    return this.#columns.rows;
  }

  /** How many nodes each filter refuses. */
  get refusals(): ArrayLike<number> {
    return this.#refusals;
  }

  isAccepted(row: number): boolean {
    return row < this.#columns.rows && this.#verdicts[row] === ACCEPTED;
  }

  /** Takes in what has changed. @returns whether all of it; false when the budget is spent */
  advance(budget: WorkBudget): boolean {
    let entry = this.#state.firstChangedAfter(this.#seen, this.#last);
    while (entry) {
      if (!budget.spend(NODE_WORK)) return false;
      const { newer, changedAt } = entry;
      this.refresh(entry);
      this.#seen = changedAt;
      this.#last = entry;
      entry = newer;
    }
    return true;
  }

  /** A node has just been changed by whoever decides with this ranking, and only that one. */
  changed(entry: NodeEntry): void {
    const isUpToDate = this.#seen === this.#state.sequence - 1;
    this.refresh(entry);
    if (!isUpToDate) return;
    this.#seen = this.#state.sequence;
    this.#last = entry;
  }

  /** The best node of a leaf. */
  best(leaf: number): number | undefined {
    return this.#heaps[leaf]?.top;
  }

  /** Takes a node out of its leaf's order until it is refreshed. */
  setAside(row: number): void {
    this.#heaps[this.#leaves[row]!]!.remove(row);
  }

  /** What decides between two nodes of a leaf that are equally welcome to a service: a node's room or load, then its rank. */
  keysOf(row: number): { readonly second: number; readonly third: number } {
    return { second: this.#columns.second[row]!, third: this.#columns.third[row]! };
  }

  /** The leaf of a node; undefined for a row without one. */
  leafOf(row: number): number | undefined {
    return row < this.#columns.rows && this.#verdicts[row] !== GONE ? this.#leaves[row] : undefined;
  }

  /** Tasks of the service on a node's leaf; only for a ranking of its own. */
  tasksIn(leaf: number): number {
    return this.#leafTasks[leaf] ?? 0;
  }

  /** Looks at a node anew, and puts it where it belongs. */
  refresh(entry: NodeEntry): void {
    const row = entry.index;
    if (row >= this.#columns.rows) this.#grow(this.#state.rowCount);
    const before = this.#verdicts[row]!;
    if (before < ACCEPTED) this.#refusals[before]!--;
    if (!entry.node) {
      this.#leave(row, before);
      return;
    }
    if (before === GONE || this.#factsSeen[row] !== entry.factsChangedAt) {
      this.#leave(row, before);
      this.#factsSeen[row] = entry.factsChangedAt;
      this.#facts[row] = this.#filters.factsVerdict(entry);
      this.#leaves[row] = this.tree.leafOf(entry.node);
      while (this.#heaps.length < this.tree.leafCount) {
        this.#heaps.push(new NodeHeap(this.#columns));
        this.#leafTasks.push(0);
      }
    }
    const tasks = this.#countTasks(row);
    const verdict = this.#judge(entry, this.#facts[row]!, tasks);
    this.#verdicts[row] = verdict;
    const heap = this.#heaps[this.#leaves[row]!]!;
    if (verdict === ACCEPTED) {
      this.#setKeys(entry, tasks);
      heap.place(row);
    } else {
      this.#refusals[verdict]!++;
      heap.remove(row);
    }
  }

  #leave(row: number, before: number): void {
    if (before === GONE) return;
    const leaf = this.#leaves[row]!;
    this.#heaps[leaf]!.remove(row);
    this.#leafTasks[leaf]! -= this.#tasks[row]!;
    this.#tasks[row] = 0;
    this.#verdicts[row] = GONE;
  }

  #countTasks(row: number): number {
    if (!this.#own) return 0;
    const tasks = this.#state.service(this.#own.serviceId)?.tasksOn(row) ?? 0;
    this.#leafTasks[this.#leaves[row]!]! += tasks - this.#tasks[row]!;
    this.#tasks[row] = tasks;
    return tasks;
  }

  #judge(entry: NodeEntry, facts: number, tasks: number): number {
    const verdict = this.#filters.loadVerdict(facts, entry);
    if (verdict !== ACCEPTED || !this.#own) return verdict;
    return mayTakeOneMore(tasks, this.#own.maxReplicas) ? ACCEPTED : MAX_REPLICAS;
  }

  #setKeys(entry: NodeEntry, tasks: number): void {
    const { first, second, third } = this.#columns;
    const isPacking = this.requirements.strategy === "binpack";
    first[entry.index] = this.#own ? failureRank(entry, this.#own.version) * PER_FAILURE + (isPacking ? 0 : tasks) : 0;
    second[entry.index] = isPacking ? entry.headroom - entry.tasks * PER_TASK : spreadKey(entry);
    third[entry.index] = entry.rank;
  }

  #grow(count: number): void {
    this.#columns.grow(count);
    const { rows } = this.#columns;
    const from = this.#verdicts;
    this.#verdicts = new Uint8Array(rows).fill(GONE);
    this.#verdicts.set(from);
    this.#facts = widened(this.#facts, new Uint8Array(rows));
    this.#factsSeen = widened(this.#factsSeen, new Float64Array(rows));
    this.#leaves = widened(this.#leaves, new Int32Array(rows));
    this.#tasks = widened(this.#tasks, new Int32Array(rows));
  }
}

/** To look at one node anew, in the units of a budget. */
const NODE_WORK = 3;

/** Fewest tasks first; among equals, most room first. */
function spreadKey(entry: NodeEntry): number {
  return entry.tasks + 0.999 / (1 + entry.headroom);
}

function widened<A extends { set(from: A): void }>(from: A, made: A): A {
  made.set(from);
  return made;
}
