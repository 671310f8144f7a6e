/** Nodes and tasks for the scheduler's tests, and one go of placing. */
import { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { GenericResource } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ClusterState } from "../../../src/manager/scheduler/cluster-state.js";
import { rulesOf } from "../../../src/manager/scheduler/pending-group.js";
import { type Decision, GroupPlacement } from "../../../src/manager/scheduler/placement.js";
import { Ranking } from "../../../src/manager/scheduler/ranking.js";
import { requirementsOf } from "../../../src/manager/scheduler/requirements.js";
import type { Strategy } from "../../../src/manager/scheduler/strategy.js";
import { WorkBudget } from "../../../src/manager/scheduler/work-budget.js";

export type NodeFields = Parameters<typeof Node.fromPartial>[0];
export type TaskFields = Parameters<typeof Task.fromPartial>[0];

export const NOW = Date.UTC(2026, 0, 1);

export const ready = (id: string, more: NodeFields = {}) =>
  Node.fromPartial({
    id,
    status: { state: NodeState.READY },
    ...more,
    description: {
      resources: { nanoCpus: 4e9, memoryBytes: 16 * 2 ** 30 },
      platform: { os: "linux", architecture: "amd64" },
      ...more.description,
    },
  });

export const labelled = (id: string, labels: Record<string, string>, more: NodeFields = {}) =>
  ready(id, { ...more, spec: { annotations: { labels } } });

/** It waits for a node. */
export const task = (id: string, fields: TaskFields = {}) =>
  Task.fromPartial({
    id,
    serviceId: "web",
    specVersion: { index: 1 },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.PENDING },
    ...fields,
  });

export const tasks = (count: number, fields: TaskFields = {}) =>
  Array.from({ length: count }, (_, i) => task(`t${i}`, fields));

export const runs = (id: string, nodeId: string, fields: TaskFields = {}) =>
  task(id, { nodeId, status: { state: TaskState.RUNNING }, ...fields });

export const spreadOver = (...labels: readonly string[]) => ({
  placement: {
    preferences: labels.map((spreadDescriptor) => ({
      Preference: { $case: "spread" as const, value: { spreadDescriptor } },
    })),
  },
});

export const reserves = (nanoCpus: number, memoryBytes = 0, generic: readonly GenericResource[] = []) => ({
  resources: { reservations: { nanoCpus, memoryBytes, generic } },
});

export const named = (kind: string, value: string): GenericResource => ({
  resource: { $case: "namedResourceSpec", value: { kind, value } },
});

export const discrete = (kind: string, value: number): GenericResource => ({
  resource: { $case: "discreteResourceSpec", value: { kind, value } },
});

export function stateOf(nodes: readonly Node[], running: readonly Task[] = [], seed = 0): ClusterState {
  const state = new ClusterState(seed);
  for (const node of nodes) state.setNode(node);
  for (const one of running) state.see(one, NOW);
  return state;
}

export interface PlaceOptions {
  readonly strategy?: Strategy;
  /** With a ranking of the service's own. */
  readonly own?: boolean;
  readonly ranking?: Ranking;
}

/** Places tasks of one group, in their order. */
export function placeAll(state: ClusterState, group: readonly Task[], options: PlaceOptions = {}): readonly Decision[] {
  const { strategy = "spread", own = false } = options;
  const [first] = group;
  if (!first) return [];
  const rules = rulesOf(first);
  const ranking = options.ranking ?? new Ranking(state, requirementsOf(first, strategy), own ? rules : undefined);
  ranking.advance(WorkBudget.unlimited());
  const run = new GroupPlacement(state, ranking, rules, own);
  const decisions = group.map((one) => run.place(one));
  run.end();
  return decisions;
}

export interface Outcome {
  /** How many tasks each node got. */
  readonly counts: Record<string, number>;
  /** Of those that got none, each reason once. */
  readonly reasons: readonly string[];
}

export function outcomeOf(decisions: readonly Decision[]): Outcome {
  const counts: Record<string, number> = {};
  const reasons = new Set<string>();
  for (const decision of decisions) {
    if (decision.entry) counts[decision.entry.id] = (counts[decision.entry.id] ?? 0) + 1;
    else reasons.add(decision.reason);
  }
  return { counts, reasons: [...reasons] };
}
