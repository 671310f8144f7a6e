/**
 * Which tasks of a service should move so that it is spread evenly again, as after nodes have come. Pure: the state is left as it was.
 * A move takes a task from where there are at least two more than where it goes, at the first level of the placement preferences at which
 * the two places differ, or between nodes of one leaf: so every move makes things better, and none is ever taken back.
 */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ClusterState, Place } from "./cluster-state.js";
import type { LabelBranch } from "./label-tree.js";
import type { NodeEntry } from "./node-entry.js";
import type { Ranking, ServiceRules } from "./ranking.js";
import { failureRank } from "./recent-failures.js";

export interface Move {
  readonly taskId: string;
  readonly slot: number;
  /** Ids of nodes. Where it goes is what the scheduler will choose as things stand. */
  readonly from: string;
  readonly to: string;
}

export interface RebalanceLimits {
  /** No more moves than this. */
  readonly moves: number;
}

/** What must differ for a move to be worth it. */
const MIN_GAIN = 2;

/**
 * @param ranking the service's own, up to date with the state
 * @param rules of the service: a node on which it fails again and again gets nothing
 * @param movable tasks that may move: they run, and nothing else is under way in their slots
 * @returns the moves in the order in which they are best made
 */
export function planRebalance(
  state: ClusterState,
  ranking: Ranking,
  rules: ServiceRules,
  movable: readonly Task[],
  { moves: limit }: RebalanceLimits,
): readonly Move[] {
  const moved: { readonly move: Move; readonly place: Place }[] = [];
  const givers = new Givers(state, ranking, movable);
  try {
    while (moved.length < limit) {
      const found = new Search(state, ranking, rules, givers).improve(ranking.tree.root);
      if (!found) break;
      const { task, to } = found;
      const place = state.place(task.id)!;
      state.forget(task.id);
      ranking.changed(place.entry);
      const taken = state.decide(task, to, ranking.requirements.generic);
      if (!taken) {
        state.restore(task.id, place);
        ranking.changed(place.entry);
        break;
      }
      ranking.changed(to);
      givers.remove(task);
      moved.push({ move: { taskId: task.id, slot: task.slot, from: place.entry.id, to: to.id }, place });
    }
  } finally {
    for (const { move, place } of moved) {
      state.forget(move.taskId);
      state.restore(move.taskId, place);
    }
  }
  return moved.map(({ move }) => move);
}

/** Nodes with tasks that may move, by leaf. */
class Givers {
  readonly #byLeaf = new Map<number, Map<NodeEntry, Task[]>>();

  constructor(state: ClusterState, ranking: Ranking, movable: readonly Task[]) {
    for (const task of [...movable].sort((a, b) => a.slot - b.slot)) {
      const entry = state.place(task.id)?.entry;
      const leaf = entry && ranking.leafOf(entry.index);
      if (leaf === undefined) continue;
      const nodes = this.#byLeaf.get(leaf) ?? new Map<NodeEntry, Task[]>();
      this.#byLeaf.set(leaf, nodes);
      const tasks = nodes.get(entry!);
      if (tasks) tasks.push(task);
      else nodes.set(entry!, [task]);
    }
  }

  in(leaf: number): Iterable<readonly [NodeEntry, readonly Task[]]> {
    return this.#byLeaf.get(leaf) ?? [];
  }

  remove(task: Task): void {
    for (const nodes of this.#byLeaf.values()) {
      for (const [entry, tasks] of nodes) {
        const at = tasks.indexOf(task);
        if (at < 0) continue;
        tasks.splice(at, 1);
        if (tasks.length === 0) nodes.delete(entry);
        return;
      }
    }
  }
}

/** One look at the tree. */
class Search {
  readonly #state: ClusterState;
  readonly #ranking: Ranking;
  readonly #rules: ServiceRules;
  readonly #givers: Givers;
  readonly #counts = new Map<LabelBranch, number>();

  constructor(state: ClusterState, ranking: Ranking, rules: ServiceRules, givers: Givers) {
    this.#state = state;
    this.#ranking = ranking;
    this.#rules = rules;
    this.#givers = givers;
    this.#count(ranking.tree.root);
  }

  /** The coarsest level first. */
  improve(branch: LabelBranch): { readonly task: Task; readonly to: NodeEntry } | undefined {
    if (branch.leaf !== undefined) return this.#between(this.#giver(branch), this.#taker(branch), this.#tasksOf);
    const children = [...branch.children.values()];
    const giving = highest(
      children.filter((child) => this.#giver(child)),
      this.#tasksIn,
    );
    const taking = lowest(
      children.filter((child) => this.#taker(child)),
      this.#tasksIn,
    );
    if (giving && taking && this.#tasksIn(giving) - this.#tasksIn(taking) >= MIN_GAIN) {
      return { task: this.#giver(giving)!.task, to: this.#taker(taking)! };
    }
    for (const child of children) {
      const found = this.improve(child);
      if (found) return found;
    }
    return undefined;
  }

  #between(
    from: { readonly entry: NodeEntry; readonly task: Task } | undefined,
    to: NodeEntry | undefined,
    tasksOf: (entry: NodeEntry) => number,
  ): { readonly task: Task; readonly to: NodeEntry } | undefined {
    if (!from || !to || tasksOf(from.entry) - tasksOf(to) < MIN_GAIN) return undefined;
    return { task: from.task, to };
  }

  /** A task of the fullest part of the branch. */
  #giver(branch: LabelBranch): { readonly entry: NodeEntry; readonly task: Task } | undefined {
    if (branch.leaf === undefined) {
      const fullest = [...branch.children.values()].sort((a, b) => this.#tasksIn(b) - this.#tasksIn(a));
      for (const child of fullest) {
        const found = this.#giver(child);
        if (found) return found;
      }
      return undefined;
    }
    let best: { readonly entry: NodeEntry; readonly task: Task } | undefined;
    for (const [entry, tasks] of this.#givers.in(branch.leaf)) {
      // The youngest slot of the node.
      if (!best || this.#tasksOf(entry) > this.#tasksOf(best.entry)) best = { entry, task: tasks.at(-1)! };
    }
    return best;
  }

  /** The node of the emptiest part of the branch that can take one more. */
  #taker(branch: LabelBranch): NodeEntry | undefined {
    if (branch.leaf === undefined) {
      const emptiest = [...branch.children.values()].sort((a, b) => this.#tasksIn(a) - this.#tasksIn(b));
      for (const child of emptiest) {
        const found = this.#taker(child);
        if (found) return found;
      }
      return undefined;
    }
    const row = this.#ranking.best(branch.leaf);
    if (row === undefined) return undefined;
    const entry = this.#state.row(row);
    return failureRank(entry, this.#rules.version) === 0 ? entry : undefined;
  }

  readonly #tasksOf = (entry: NodeEntry): number => {
    return this.#state.service(this.#rules.serviceId)?.tasksOn(entry.index) ?? 0;
  };

  readonly #tasksIn = (branch: LabelBranch): number => this.#counts.get(branch)!;

  #count(branch: LabelBranch): number {
    let count = branch.leaf === undefined ? 0 : this.#ranking.tasksIn(branch.leaf);
    for (const child of branch.children.values()) count += this.#count(child);
    this.#counts.set(branch, count);
    return count;
  }
}

function highest<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  return items.reduce<T | undefined>(
    (best, item) => (best === undefined || of(item) > of(best) ? item : best),
    undefined,
  );
}

function lowest<T>(items: readonly T[], of: (item: T) => number): T | undefined {
  return highest(items, (item) => -of(item));
}
