import test from "ava";
import fc from "fast-check";
import type { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { ClusterState } from "../../../src/manager/scheduler/cluster-state.js";
import { rulesOf } from "../../../src/manager/scheduler/pending-group.js";
import { Ranking } from "../../../src/manager/scheduler/ranking.js";
import { type Move, planRebalance } from "../../../src/manager/scheduler/rebalance.js";
import { requirementsOf } from "../../../src/manager/scheduler/requirements.js";
import { WorkBudget } from "../../../src/manager/scheduler/work-budget.js";
import { labelled, ready, reserves, runs, spreadOver, stateOf, type TaskFields, task } from "./sample-cluster.js";

const MANY = { moves: 1000 };

/** So many tasks on each node. */
const tasksOn = (counts: Readonly<Record<string, number>>, fields: TaskFields = {}) => {
  let slot = 0;
  return Object.entries(counts).flatMap(([nodeId, count]) =>
    Array.from({ length: count }, () => runs(`t${++slot}`, nodeId, { slot, ...fields })),
  );
};

function plan(state: ClusterState, tasks: readonly Task[], fields: TaskFields = {}, limits = MANY): readonly Move[] {
  const sample = task("sample", fields);
  const rules = rulesOf(sample);
  const ranking = new Ranking(state, requirementsOf(sample, "spread"), rules);
  ranking.advance(WorkBudget.unlimited());
  return planRebalance(state, ranking, rules, tasks, limits);
}

function after(nodes: readonly Node[], tasks: readonly Task[], moves: readonly Move[]): Record<string, number> {
  const places = new Map(tasks.map(({ id, nodeId }) => [id, nodeId]));
  for (const { taskId, to } of moves) places.set(taskId, to);
  return Object.fromEntries(nodes.map(({ id }) => [id, [...places.values()].filter((at) => at === id).length]));
}

test("a node that came back gets its share, with no more moves than that takes", (t) => {
  const nodes = [ready("a"), ready("b"), ready("c")];
  const tasks = tasksOn({ a: 5, b: 4 });
  const state = stateOf(nodes, tasks);
  const moves = plan(state, tasks);
  t.is(moves.length, 3);
  t.deepEqual(after(nodes, tasks, moves), { a: 3, b: 3, c: 3 });
  t.is(new Set(moves.map(({ taskId }) => taskId)).size, 3, "no task moves twice");
  t.deepEqual(plan(state, tasks, {}, { moves: 1 }).length, 1);
  t.deepEqual(plan(state, tasks), moves, "the state is as it was");
  t.is(state.entry("a")!.tasks, 5);
});

test("a difference of one is as even as it can be", (t) => {
  const tasks = tasksOn({ a: 2, b: 1 });
  t.deepEqual(plan(stateOf([ready("a"), ready("b")], tasks), tasks), []);
});

test("only tasks that may move do", (t) => {
  const tasks = tasksOn({ a: 4 });
  const moves = plan(stateOf([ready("a"), ready("b")], tasks), tasks.slice(0, 1));
  t.deepEqual(moves, [{ taskId: "t1", slot: 1, from: "a", to: "b" }]);
});

test("constraints, room and the maximum of replicas are respected", (t) => {
  const bound = { spec: { ...reserves(2e9), placement: { constraints: ["node.labels.disk==ssd"] } } };
  const nodes = [labelled("a", { disk: "ssd" }, big()), labelled("b", { disk: "ssd" }), ready("c")];
  const tasks = tasksOn({ a: 8 }, bound);
  t.deepEqual(after(nodes, tasks, plan(stateOf(nodes, tasks), tasks, bound)), { a: 6, b: 2, c: 0 });
  const limited = { spec: { placement: { maxReplicas: 1 } } };
  const packed = tasksOn({ a: 4 }, limited);
  t.deepEqual(after(nodes, packed, plan(stateOf(nodes, packed), packed, limited)), { a: 2, b: 1, c: 1 });
});

const big = () => ({ description: { resources: { nanoCpus: 64e9, memoryBytes: 2 ** 36 } } });

test("zones come before nodes", (t) => {
  const nodes = [
    labelled("a1", { zone: "a" }),
    labelled("a2", { zone: "a" }),
    labelled("a3", { zone: "a" }),
    labelled("b1", { zone: "b" }),
  ];
  const fields = { spec: spreadOver("node.labels.zone") };
  const uneven = tasksOn({ a1: 2, a2: 2, a3: 2 }, fields);
  t.deepEqual(after(nodes, uneven, plan(stateOf(nodes, uneven), uneven, fields)), { a1: 1, a2: 1, a3: 1, b1: 3 });
  const inside = tasksOn({ a1: 3, b1: 3 }, fields);
  t.deepEqual(after(nodes, inside, plan(stateOf(nodes, inside), inside, fields)), { a1: 1, a2: 1, a3: 1, b1: 3 });
});

test("in the end nothing differs by two that could be moved, every move was worth it, and it never takes more than needed", (t) => {
  const scene = fc.record({
    start: fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 2, maxLength: 7 }),
    limit: fc.integer({ min: 0, max: 40 }),
  });
  t.notThrows(() =>
    fc.assert(
      fc.property(scene, ({ start, limit }) => {
        const ids = start.map((_, i) => `n${i}`);
        const nodes = ids.map((id) => ready(id));
        const tasks = tasksOn(Object.fromEntries(ids.map((id, i) => [id, start[i]!])));
        const state = stateOf(nodes, tasks);
        const moves = plan(state, tasks, {}, { moves: limit });
        const counts = [...start];
        for (const { from, to } of moves) {
          if (counts[ids.indexOf(from)]! - counts[ids.indexOf(to)]! < 2) return false;
          counts[ids.indexOf(from)]!--;
          counts[ids.indexOf(to)]!++;
        }
        const total = start.reduce((sum, count) => sum + count, 0);
        const ceiling = Math.ceil(total / ids.length);
        const floor = Math.floor(total / ids.length);
        const over = start.reduce((sum, count) => sum + Math.max(0, count - ceiling), 0);
        const under = start.reduce((sum, count) => sum + Math.max(0, floor - count), 0);
        const needed = Math.max(over, under);
        if (moves.length !== Math.min(limit, needed)) return false;
        return moves.length < needed || Math.max(...counts) - Math.min(...counts) <= 1;
      }),
      { numRuns: 300 },
    ),
  );
});
