/** Finds nodes for tasks of one service and one specification. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { GenericResource } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Candidates, OwnCandidates, SharedCandidates } from "./candidates.js";
import type { ClusterState } from "./cluster-state.js";
import { ACCEPTED, explain, FilterSet } from "./filters.js";
import type { NodeEntry } from "./node-entry.js";
import type { Ranking, ServiceRules } from "./ranking.js";
import type { Requirements } from "./requirements.js";
import { WaterFilling } from "./water-filling.js";

/** What is to become of a task. */
export type Decision =
  | {
      readonly taskId: string;
      readonly entry: NodeEntry;
      /** As it was when the decision was made. */
      readonly node: Node;
      /** What it gets of the node's. */
      readonly generic: readonly GenericResource[];
    }
  | {
      readonly taskId: string;
      readonly entry?: undefined;
      /** Why no node takes it. */
      readonly reason: string;
    };

/** One go of placing tasks of a group: the ranking is up to date when it begins, and nobody else uses it before {@link end}. */
export class GroupPlacement {
  readonly #state: ClusterState;
  readonly #wanted: Requirements;
  readonly #candidates: Candidates;
  /** Only where there is a choice of leaves. */
  readonly #water: WaterFilling | undefined;
  #reason: string | undefined;

  /** @param isOwn whether the ranking is the service's own */
  constructor(state: ClusterState, ranking: Ranking, rules: ServiceRules, isOwn: boolean) {
    this.#state = state;
    this.#wanted = ranking.requirements;
    const candidates = isOwn ? new OwnCandidates(state, ranking) : new SharedCandidates(state, ranking, rules);
    this.#candidates = candidates;
    if (ranking.tree.leafCount > 1) {
      this.#water = new WaterFilling(
        ranking.tree,
        (leaf) => candidates.tasksIn(leaf),
        (leaf) => candidates.best(leaf) === undefined,
      );
    }
  }

  /** Decides on a task, and counts it where it goes. */
  place(task: Task): Decision {
    const taskId = task.id;
    if (this.#reason !== undefined) return { taskId, reason: this.#reason };
    const leaf = this.#water ? this.#water.next() : 0;
    const entry = leaf === undefined ? undefined : this.#candidates.best(leaf);
    const place = entry && this.#state.decide(task, entry, this.#wanted.generic);
    if (!place) {
      this.#reason = explain(this.#candidates.refusals());
      return { taskId, reason: this.#reason };
    }
    this.#candidates.taken(entry, leaf!);
    this.#water?.filled();
    return { taskId, entry, node: entry.node!, generic: place.generic };
  }

  end(): void {
    this.#candidates.end();
  }
}

/** A task whose node was chosen when it was made: only whether it fits is to be seen. */
export function placeOnItsNode(
  task: Task,
  state: ClusterState,
  wanted: Requirements,
  { serviceId, maxReplicas }: ServiceRules,
): Decision {
  const entry = state.entry(task.nodeId);
  if (!entry?.node) return { taskId: task.id, reason: "no suitable node (its node is gone)" };
  const tasks = state.service(serviceId)?.tasksOn(entry.index) ?? 0;
  const verdict = new FilterSet(wanted).verdict(entry, tasks, maxReplicas);
  const place = verdict === ACCEPTED ? state.decide(task, entry, wanted.generic) : undefined;
  if (place) return { taskId: task.id, entry, node: entry.node, generic: place.generic };
  const refusals: number[] = [];
  refusals[verdict] = 1;
  return { taskId: task.id, reason: explain(refusals) };
}
