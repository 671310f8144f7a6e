/** The fast way beside simple ones: a look at every node for every task, every possible result, and a start from scratch. */
import test from "ava";
import fc from "fast-check";
import type { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { ClusterState } from "../../../src/manager/scheduler/cluster-state.js";
import { explain, FILTERS } from "../../../src/manager/scheduler/filters.js";
import type { NodeEntry } from "../../../src/manager/scheduler/node-entry.js";
import { rulesOf } from "../../../src/manager/scheduler/pending-group.js";
import { GroupPlacement } from "../../../src/manager/scheduler/placement.js";
import { Rankings } from "../../../src/manager/scheduler/rankings.js";
import { failureRank } from "../../../src/manager/scheduler/recent-failures.js";
import { requirementsOf } from "../../../src/manager/scheduler/requirements.js";
import { WorkBudget } from "../../../src/manager/scheduler/work-budget.js";
import {
  labelled,
  NOW,
  placeAll,
  ready,
  reserves,
  runs,
  spreadOver,
  stateOf,
  type TaskFields,
  task,
} from "./sample-cluster.js";

const ZONES = ["a", "b", "c"];
const IDS = Array.from({ length: 8 }, (_, i) => `n${i}`);

const anyNode = (id: string) =>
  fc
    .record({
      cpus: fc.integer({ min: 0, max: 6 }),
      zone: fc.constantFrom(...ZONES, ""),
      rack: fc.constantFrom("1", "2"),
      isReady: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
    })
    .map(({ cpus, zone, rack, isReady }) =>
      labelled(
        id,
        { rack, ...(zone === "" ? {} : { zone }) },
        {
          status: { state: isReady ? NodeState.READY : NodeState.DOWN },
          description: { resources: { nanoCpus: cpus * 1e9, memoryBytes: 16 * 2 ** 30 } },
        },
      ),
    );
const anyNodes = fc.subarray(IDS, { minLength: 1 }).chain((ids) => fc.tuple(...ids.map(anyNode)));

/** What a service may ask for. */
const anyFields: fc.Arbitrary<TaskFields> = fc
  .record({
    cpus: fc.integer({ min: 0, max: 2 }),
    maxReplicas: fc.constantFrom(0, 0, 1, 2),
    constraints: fc.constantFrom<string[]>([], ["node.labels.zone!=a"], ["node.labels.rack==1"]),
    isPort: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    isPacking: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
  })
  .map(({ cpus, maxReplicas, constraints, isPort, isPacking }) => ({
    spec: { ...reserves(cpus * 1e9), placement: { constraints, maxReplicas } },
    ...(isPort ? { endpoint: { ports: [{ targetPort: 80, publishedPort: 80, publishMode: 1 }] } } : {}),
    serviceAnnotations: { labels: isPacking ? { "tswarm.placement.strategy": "binpack" } : {} },
  }));

const anyRunning = (nodes: readonly Node[]) =>
  fc
    .array(
      fc.record({
        node: fc.constantFrom(...nodes),
        service: fc.constantFrom("web", "db"),
        cpus: fc.integer({ min: 0, max: 1 }),
      }),
      {
        maxLength: 12,
      },
    )
    .map((list) =>
      list.map(({ node, service, cpus }, i) =>
        runs(`r${i}`, node.id, { serviceId: service, spec: reserves(cpus * 1e9) }),
      ),
    );

/** Looks at every node, task by task. */
function placeSimply(state: ClusterState, nodes: readonly Node[], group: readonly Task[]): readonly string[] {
  return group.map((one) => {
    const wanted = requirementsOf(one, "spread");
    const { serviceId, version, maxReplicas } = rulesOf(one);
    const refusals = FILTERS.map(() => 0);
    const fitting: NodeEntry[] = [];
    for (const { id } of nodes) {
      const entry = state.entry(id)!;
      const tasks = state.service(serviceId)?.tasksOn(entry.index) ?? 0;
      const refusal = FILTERS.findIndex(
        (filter) => filter.concerns(wanted) && !filter.accepts(entry, wanted, tasks, maxReplicas),
      );
      if (refusal < 0) fitting.push(entry);
      else refusals[refusal]!++;
    }
    const keys = (entry: NodeEntry) => {
      const tasks = state.service(serviceId)?.tasksOn(entry.index) ?? 0;
      const failures = failureRank(entry, version);
      if (wanted.strategy === "binpack") return [failures, entry.headroom, -entry.tasks, entry.rank];
      return [failures, tasks, entry.tasks, -entry.headroom, entry.rank];
    };
    const [best] = fitting.sort((a, b) => {
      const [x, y] = [keys(a), keys(b)];
      const at = x.findIndex((key, i) => key !== y[i]);
      return at < 0 ? 0 : x[at]! - y[at]!;
    });
    if (!best) return explain(refusals);
    state.decide(one, best, wanted.generic);
    return best.id;
  });
}

const answers = (decisions: ReturnType<typeof placeAll>) =>
  decisions.map((one) => (one.entry ? one.entry.id : one.reason));

test("the same nodes, and the same reasons, as a look at every node for every task", (t) => {
  const scene = anyNodes.chain((nodes) =>
    fc.record({
      nodes: fc.constant(nodes),
      running: anyRunning(nodes),
      fields: anyFields,
      count: fc.integer({ min: 1, max: 20 }),
      own: fc.boolean(),
      failing: fc.subarray(nodes.map(({ id }) => id)),
    }),
  );
  t.notThrows(() =>
    fc.assert(
      fc.property(scene, ({ nodes, running, fields, count, own, failing }) => {
        const make = () => {
          const state = stateOf(nodes, running);
          for (const id of failing) for (let i = 0; i < 5; i++) fail(state, id, i);
          return state;
        };
        const group = Array.from({ length: count }, (_, i) => task(`t${i}`, fields));
        const expected = placeSimply(make(), nodes, group);
        return JSON.stringify(answers(placeAll(make(), group, { own }))) === JSON.stringify(expected);
      }),
      { numRuns: 300 },
    ),
  );
});

/** A task of the service runs there, and fails. */
function fail(state: ClusterState, nodeId: string, number: number): void {
  const failing = runs(`f${nodeId}${number}`, nodeId);
  state.see(failing, NOW);
  state.see({ ...failing, status: { ...failing.status!, state: TaskState.FAILED } }, NOW);
}

test("no distribution over zones and racks that is possible is more even", (t) => {
  const scene = fc
    .array(
      fc.record({
        zone: fc.constantFrom("a", "b"),
        rack: fc.constantFrom("1", "2"),
        room: fc.integer({ min: 0, max: 3 }),
      }),
      {
        minLength: 1,
        maxLength: 4,
      },
    )
    .chain((shapes) =>
      fc.record({
        shapes: fc.constant(shapes),
        start: fc.tuple(...shapes.map(() => fc.integer({ min: 0, max: 3 }))),
        count: fc.integer({ min: 1, max: 5 }),
        own: fc.boolean(),
      }),
    );
  t.notThrows(() =>
    fc.assert(
      fc.property(scene, ({ shapes, start, count, own }) => {
        const fields = { spec: { ...reserves(1e9), ...spreadOver("node.labels.zone", "node.labels.rack") } };
        const nodes = shapes.map(({ zone, rack, room }, i) =>
          labelled(
            `n${i}`,
            { zone, rack },
            { description: { resources: { nanoCpus: (room + start[i]!) * 1e9, memoryBytes: 2 ** 40 } } },
          ),
        );
        const running = start.flatMap((tasks, i) =>
          Array.from({ length: tasks }, (_, k) => runs(`r${i}.${k}`, `n${i}`, fields)),
        );
        const state = stateOf(nodes, running);
        const decisions = placeAll(
          state,
          Array.from({ length: count }, (_, i) => task(`t${i}`, fields)),
          { own },
        );
        const placed = decisions.filter(({ entry }) => entry).length;
        const room = shapes.reduce((sum, shape) => sum + shape.room, 0);
        if (placed !== Math.min(count, room)) return false;
        const got = nodes.map(({ id }, i) => start[i]! + decisions.filter(({ entry }) => entry?.id === id).length);
        const zone = (i: number) => shapes[i]!.zone;
        const rack = (i: number) => zone(i) + shapes[i]!.rack;
        const all = distributions(
          shapes.map((shape) => shape.room),
          placed,
        ).map((more) => more.map((n, i) => n + start[i]!));
        const least = (list: readonly (readonly number[])[], key: (i: number) => string) =>
          Math.min(...list.map((one) => unevenness(one, key)));
        if (unevenness(got, zone) !== least(all, zone)) return false;
        const zones = JSON.stringify(sums(got, zone));
        const sameZones = all.filter((one) => JSON.stringify(sums(one, zone)) === zones);
        if (unevenness(got, rack) !== least(sameZones, rack)) return false;
        const racks = JSON.stringify(sums(got, rack));
        const sameRacks = sameZones.filter((one) => JSON.stringify(sums(one, rack)) === racks);
        return unevenness(got, String) === least(sameRacks, String);
      }),
      { numRuns: 400 },
    ),
  );
});

/** All ways to put `count` tasks into places with so much room. */
function distributions(room: readonly number[], count: number): readonly (readonly number[])[] {
  const [first, ...rest] = room;
  if (first === undefined) return count === 0 ? [[]] : [];
  return Array.from({ length: Math.min(first, count) + 1 }, (_, n) => n).flatMap((n) =>
    distributions(rest, count - n).map((tail) => [n, ...tail]),
  );
}

function sums(counts: readonly number[], key: (i: number) => string): readonly (readonly [string, number])[] {
  const groups = new Map<string, number>();
  counts.forEach((count, i) => {
    groups.set(key(i), (groups.get(key(i)) ?? 0) + count);
  });
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The sum of squares: of all distributions of the same total, the most even has the least. */
function unevenness(counts: readonly number[], key: (i: number) => string): number {
  return sums(counts, key).reduce((sum, [, count]) => sum + count * count, 0);
}

type Event =
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "gone"; readonly id: string }
  | { readonly kind: "place"; readonly service: number; readonly count: number }
  | { readonly kind: "end"; readonly pick: number; readonly isFailure: boolean };

test("after any history, the same as from scratch", (t) => {
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.constantFrom(...IDS).chain((id) => anyNode(id).map((node): Event => ({ kind: "node", node }))),
    fc.constantFrom(...IDS).map((id): Event => ({ kind: "gone", id })),
    fc.record({
      kind: fc.constant("place" as const),
      service: fc.integer({ min: 0, max: 2 }),
      count: fc.integer({ min: 1, max: 30 }),
    }),
    fc.record({ kind: fc.constant("end" as const), pick: fc.nat(1000), isFailure: fc.boolean() }),
  );
  const services = fc.tuple(anyFields, anyFields, anyFields.map(zoned));
  t.notThrows(() =>
    fc.assert(
      fc.property(services, fc.array(event, { maxLength: 40 }), (fields, events) => {
        const state = stateOf([]);
        const rankings = new Rankings(state);
        const nodes = new Map<string, Node>();
        const living = new Map<string, Task>();
        let made = 0;
        for (const one of events) {
          if (one.kind === "node") {
            nodes.set(one.node.id, one.node);
            state.setNode(one.node);
          } else if (one.kind === "gone") {
            nodes.delete(one.id);
            state.removeNode(one.id);
          } else if (one.kind === "end") {
            const ids = [...living.keys()];
            const id = ids[one.pick % ids.length];
            if (id === undefined) continue;
            const ended = one.isFailure ? TaskState.FAILED : TaskState.SHUTDOWN;
            state.see({ ...living.get(id)!, status: { ...living.get(id)!.status!, state: ended } }, NOW);
            living.delete(id);
          } else {
            const group = Array.from({ length: one.count }, () =>
              task(`t${made++}`, { serviceId: `s${one.service}`, ...fields[one.service] }),
            );
            const wanted = requirementsOf(group[0]!, "spread");
            const rules = rulesOf(group[0]!);
            const { ranking, isOwn } = rankings.choose(wanted, rules, group.length);
            // In parts, as the scheduler does it.
            while (!ranking.advance(new WorkBudget(5)));
            const failures = [...nodes.keys()].flatMap((id) =>
              [...(state.entry(id)?.failures ?? [])].map(([version, n]) => ({ id, version, n })),
            );
            const scratch = stateOf([...nodes.values()], [...living.values()]);
            for (const { id, version, n } of failures)
              scratch.entry(id)!.failures = new Map([...(scratch.entry(id)!.failures ?? []), [version, n]]);
            const expected = answers(placeAll(scratch, group, { own: isOwn }));
            const run = new GroupPlacement(state, ranking, rules, isOwn);
            const decisions = group.map((each) => run.place(each));
            run.end();
            const got = answers(decisions);
            const even = (list: readonly string[]) => (wanted.spread.length > 0 ? byZone(list, nodes) : list);
            if (JSON.stringify(even(got)) !== JSON.stringify(even(expected))) return false;
            group.forEach((each, i) => {
              const nodeId = decisions[i]!.entry?.id;
              if (nodeId)
                living.set(each.id, { ...each, nodeId, status: { ...each.status!, state: TaskState.RUNNING } });
            });
          }
        }
        return IDS.every((id) => {
          const entry = state.entry(id);
          const here = [...living.values()].filter(({ nodeId }) => nodeId === id);
          return (entry?.holders ?? 0) === here.length && (entry?.tasks ?? 0) === here.length;
        });
      }),
      { numRuns: 300 },
    ),
  );
});

function zoned(fields: TaskFields): TaskFields {
  const placement = { ...fields?.spec?.placement, ...spreadOver("node.labels.zone").placement };
  return { ...fields, spec: { ...fields?.spec, placement } };
}

/** Which of equal branches comes first depends on which was seen first: how many tasks each zone got, sorted, does not. */
function byZone(list: readonly string[], nodes: ReadonlyMap<string, Node>): readonly (string | number)[] {
  const zones = new Map<string, number>();
  for (const id of list) {
    const node = nodes.get(id);
    const key = node ? (node.spec?.annotations?.labels.zone ?? "") : id;
    zones.set(key, (zones.get(key) ?? 0) + 1);
  }
  return [...zones.values()].sort((a, b) => a - b);
}

test("shares differ by at most one", (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 0, max: 60 }),
        fc.boolean(),
        (nodeCount, count, own) => {
          const state = stateOf(Array.from({ length: nodeCount }, (_, i) => ready(`n${i}`)));
          placeAll(
            state,
            Array.from({ length: count }, (_, i) => task(`t${i}`)),
            { own },
          );
          const counts = Array.from({ length: nodeCount }, (_, i) => state.entry(`n${i}`)!.tasks);
          return Math.max(...counts) - Math.min(...counts) <= 1 && counts.reduce((a, b) => a + b, 0) === count;
        },
      ),
    ),
  );
});
