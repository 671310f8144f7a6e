/** Which node of a leaf a service's next task goes to. */
import type { ClusterState } from "./cluster-state.js";
import { MAX_REPLICAS, mayTakeOneMore } from "./filters.js";
import type { NodeEntry } from "./node-entry.js";
import { PriorityQueue } from "./priority-queue.js";
import { PER_FAILURE, type Ranking, type ServiceRules } from "./ranking.js";
import { failureRank } from "./recent-failures.js";

export interface Candidates {
  /** Undefined when no node of the leaf can take a task. */
  best(leaf: number): NodeEntry | undefined;
  /** The node that {@link best} gave has got a task, and the state knows it. */
  taken(entry: NodeEntry, leaf: number): void;
  /** Tasks of the service on the leaf's nodes, those included that cannot take one more. */
  tasksIn(leaf: number): number;
  /** How many nodes each filter refuses. */
  refusals(): ArrayLike<number>;
  /** The ranking is for others again. */
  end(): void;
}

/** From a ranking that is the service's own. */
export class OwnCandidates implements Candidates {
  readonly #state: ClusterState;
  readonly #ranking: Ranking;

  constructor(state: ClusterState, ranking: Ranking) {
    this.#state = state;
    this.#ranking = ranking;
  }

  best(leaf: number): NodeEntry | undefined {
    const row = this.#ranking.best(leaf);
    return row === undefined ? undefined : this.#state.row(row);
  }

  taken(entry: NodeEntry): void {
    this.#ranking.changed(entry);
  }

  tasksIn(leaf: number): number {
    return this.#ranking.tasksIn(leaf);
  }

  refusals(): ArrayLike<number> {
    return this.#ranking.refusals;
  }

  end(): void {}
}

interface Aside {
  readonly row: number;
  /** As a ranking of the service's own would have it. */
  readonly first: number;
  readonly second: number;
  readonly third: number;
}

/**
 * From a ranking that the service shares. A node without a task of the service is the best there is; others that come to the top are set
 * aside, in the order of a ranking of the service's own, until the end: so it costs what the service has, not how many nodes there are.
 */
export class SharedCandidates implements Candidates {
  readonly #state: ClusterState;
  readonly #ranking: Ranking;
  readonly #rules: ServiceRules;
  readonly #aside: PriorityQueue<Aside>[] = [];
  /** All that must go back. */
  readonly #rows: number[] = [];
  readonly #leafTasks: number[] | undefined;

  constructor(state: ClusterState, ranking: Ranking, rules: ServiceRules) {
    this.#state = state;
    this.#ranking = ranking;
    this.#rules = rules;
    if (ranking.tree.leafCount > 1) this.#leafTasks = this.#countByLeaf();
  }

  best(leaf: number): NodeEntry | undefined {
    for (;;) {
      const row = this.#ranking.best(leaf);
      if (row === undefined) break;
      const entry = this.#state.row(row);
      const tasks = this.#tasksOn(row);
      if (this.#firstKey(entry, tasks) === 0 && mayTakeOneMore(tasks, this.#rules.maxReplicas)) return entry;
      this.#setAside(leaf, entry, tasks);
    }
    const aside = this.#aside[leaf]?.top;
    return aside && this.#state.row(aside.row);
  }

  taken(entry: NodeEntry, leaf: number): void {
    const aside = this.#aside[leaf];
    if (aside?.top?.row === entry.index) aside.pop();
    this.#ranking.changed(entry);
  }

  tasksIn(leaf: number): number {
    return this.#leafTasks?.[leaf] ?? 0;
  }

  refusals(): ArrayLike<number> {
    const counts = Array.from(this.#ranking.refusals);
    for (const [row, tasks] of this.#state.service(this.#rules.serviceId)?.nodes ?? []) {
      if (this.#ranking.isAccepted(row) && !mayTakeOneMore(tasks, this.#rules.maxReplicas)) counts[MAX_REPLICAS]!++;
    }
    return counts;
  }

  end(): void {
    for (const row of this.#rows) this.#ranking.refresh(this.#state.row(row));
    this.#rows.length = 0;
  }

  #setAside(leaf: number, entry: NodeEntry, tasks: number): void {
    const row = entry.index;
    this.#ranking.setAside(row);
    this.#rows.push(row);
    if (!mayTakeOneMore(tasks, this.#rules.maxReplicas)) return;
    this.#aside[leaf] ??= new PriorityQueue<Aside>(isBefore);
    this.#aside[leaf].push({ row, first: this.#firstKey(entry, tasks), ...this.#ranking.keysOf(row) });
  }

  #firstKey(entry: NodeEntry, tasks: number): number {
    const failures = entry.failures === undefined ? 0 : failureRank(entry, this.#rules.version) * PER_FAILURE;
    return failures + (this.#ranking.requirements.strategy === "binpack" ? 0 : tasks);
  }

  #tasksOn(row: number): number {
    return this.#state.service(this.#rules.serviceId)?.tasksOn(row) ?? 0;
  }

  #countByLeaf(): number[] {
    const counts = new Array<number>(this.#ranking.tree.leafCount).fill(0);
    for (const [row, tasks] of this.#state.service(this.#rules.serviceId)?.nodes ?? []) {
      const leaf = this.#ranking.leafOf(row);
      if (leaf !== undefined) counts[leaf]! += tasks;
    }
    return counts;
  }
}

function isBefore(a: Aside, b: Aside): boolean {
  if (a.first !== b.first) return a.first < b.first;
  if (a.second !== b.second) return a.second < b.second;
  return a.third < b.third;
}
