import test from "ava";
import type { TaskSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { RestartPolicy_RestartCondition as Condition } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { alarms, lines, type NodeRow, reconcile, replicated, type TaskRow, taskSpec } from "./service-model.js";

const A = { a: "ready", b: "ready", c: "ready" } as const satisfies Record<string, NodeRow>;

interface Case {
  readonly name: string;
  readonly replicas: number;
  /** What the service asks for, as a newer version than that of its tasks; as its tasks, when absent. */
  readonly asks?: TaskSpec;
  readonly tasks: readonly TaskRow[];
  readonly nodes?: Readonly<Record<string, NodeRow>>;
  readonly now?: number;
  readonly expected: readonly string[];
  readonly wakeAt?: number;
}

const run = (id: string, slot: number, node: string): TaskRow => ({ id, slot, node, state: "RUNNING" });
const never = taskSpec("one", { restart: { condition: Condition.NONE } });
const onFailure = taskSpec("one", { restart: { condition: Condition.ON_FAILURE } });
const onlyZoneX = taskSpec("one", { placement: { constraints: ["node.labels.zone==x"] } });
const slowStop = taskSpec("one", {
  runtime: { $case: "container", value: { image: "one", stopGracePeriod: { seconds: 300 } } },
});
const twice = taskSpec("one", { restart: { condition: Condition.ANY, maxAttempts: 2 } });
const twicePerMinute = taskSpec("one", {
  restart: { condition: Condition.ANY, maxAttempts: 2, window: { seconds: 60 } },
});

const CASES: readonly Case[] = [
  { name: "a new service", replicas: 2, tasks: [], expected: ["create 1 RUNNING", "create 2 RUNNING"] },
  { name: "all is well", replicas: 2, tasks: [run("t1", 1, "a"), run("t2", 2, "b")], expected: [] },
  {
    name: "free slots are taken from below",
    replicas: 4,
    tasks: [run("t1", 1, "a"), run("t3", 3, "b")],
    expected: ["create 2 RUNNING", "create 4 RUNNING"],
  },
  {
    name: "scaling down takes from the node with most",
    replicas: 2,
    tasks: [run("t1", 1, "a"), run("t2", 2, "a"), run("t3", 3, "b")],
    expected: ["t2 → REMOVE"],
  },
  {
    name: "scaling down keeps what runs",
    replicas: 1,
    tasks: [{ id: "t1", slot: 1, node: "a", state: "PREPARING" }, run("t2", 2, "a")],
    expected: ["t1 → REMOVE"],
  },
  {
    name: "scaling down forgets the history of a slot too",
    replicas: 0,
    tasks: [
      { id: "old", slot: 1, state: "FAILED", wanted: "SHUTDOWN" },
      { ...run("t1", 1, "a"), at: 1 },
    ],
    expected: ["old → REMOVE, t1 → REMOVE"],
  },
  {
    name: "a slot that is being removed does not count, and its number is free; who gets it waits for what stops there",
    replicas: 1,
    tasks: [{ ...run("t1", 1, "a"), wanted: "REMOVE" }],
    expected: ["create 1 READY"],
  },
  {
    name: "what took the number of a removed slot starts when that has stopped",
    replicas: 1,
    now: 10,
    tasks: [
      { ...run("t1", 1, "a"), wanted: "REMOVE" },
      { id: "t2", state: "READY", node: "b", wanted: "READY", at: 10 },
    ],
    expected: ["t2 waits for task t1 to stop"],
    wakeAt: 70,
  },
  {
    name: "a failed task is stopped for good, another waits in its slot",
    replicas: 1,
    tasks: [{ id: "t1", node: "a", state: "FAILED" }],
    expected: ["t1 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a node that is down",
    replicas: 2,
    tasks: [run("t1", 1, "a"), run("t2", 2, "b")],
    nodes: { ...A, a: "down" },
    expected: ["create 1 RUNNING"],
  },
  {
    name: "a node that is down: what it had not brought up is given up",
    replicas: 1,
    tasks: [{ ...run("t1", 1, "a"), state: "STARTING" }],
    nodes: { ...A, a: "down" },
    expected: ["t1 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a node that is down: while the replacement comes up the old task stays wanted",
    replicas: 1,
    tasks: [run("t1", 1, "a"), { id: "t2", node: "b", state: "STARTING", at: 10 }],
    nodes: { ...A, a: "down" },
    expected: [],
  },
  {
    name: "a node that is down: once the replacement is up the old task is not wanted any more",
    replicas: 1,
    tasks: [run("t1", 1, "a"), { id: "t2", node: "b", state: "RUNNING", at: 10 }],
    nodes: { ...A, a: "down" },
    expected: ["t1 → SHUTDOWN"],
  },
  {
    name: "a node that comes back before the replacement is up keeps its task",
    replicas: 1,
    tasks: [run("t1", 1, "a"), { id: "t2", node: "b", state: "STARTING", at: 10 }],
    expected: ["t2 → SHUTDOWN"],
  },
  {
    name: "a node that comes back with a task that ended does not keep it",
    replicas: 1,
    tasks: [
      { ...run("t1", 1, "a"), state: "FAILED" },
      { id: "t2", node: "b", state: "STARTING", at: 10 },
    ],
    expected: ["t1 → SHUTDOWN"],
  },
  {
    name: "a replacement that is lost too is replaced",
    replicas: 1,
    tasks: [run("t1", 1, "a"), { id: "t2", node: "b", state: "STARTING", at: 10 }],
    nodes: { ...A, a: "down", b: "down" },
    expected: ["t2 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a node that does not fit what its task asks for any more",
    replicas: 1,
    tasks: [{ ...run("t1", 1, "a"), spec: onlyZoneX }],
    expected: ["t1 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a node that fits keeps its task",
    replicas: 1,
    tasks: [{ ...run("t1", 1, "a"), spec: onlyZoneX }],
    nodes: { a: "labelled" },
    expected: [],
  },
  {
    name: "a constraint that the service has dropped binds its tasks no more",
    replicas: 1,
    asks: taskSpec("one"),
    tasks: [{ ...run("t1", 1, "a"), spec: onlyZoneX }],
    expected: [],
  },
  {
    name: "a constraint that the service has now is the update's to bring, at its own pace",
    replicas: 2,
    asks: onlyZoneX,
    tasks: [run("t1", 1, "a"), run("t2", 2, "b")],
    expected: ["update in progress"],
  },
  {
    name: "a node that is drained",
    replicas: 1,
    tasks: [run("t1", 1, "a")],
    nodes: { ...A, a: "drained" },
    expected: ["t1 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a node that was removed",
    replicas: 1,
    tasks: [run("t1", 1, "gone")],
    expected: ["t1 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a node that is paused keeps its tasks",
    replicas: 1,
    tasks: [run("t1", 1, "a")],
    nodes: { a: "paused" },
    expected: [],
  },
  {
    name: "a node of which nobody knows keeps its tasks",
    replicas: 1,
    tasks: [run("t1", 1, "a")],
    nodes: { a: "unknown" },
    expected: [],
  },
  {
    name: "what a node of which nobody knows has not brought up yet waits with it",
    replicas: 1,
    tasks: [{ id: "t1", node: "a", state: "ASSIGNED" }],
    nodes: { a: "unknown", b: "ready" },
    expected: [],
  },
  {
    name: "a replacement waits for its time",
    replicas: 1,
    now: 14,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN" },
      { id: "t2", node: "a", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 starts 5 s after task t1 ended"],
    wakeAt: 15,
  },
  {
    name: "a replacement starts when its time has come",
    replicas: 1,
    now: 15,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN" },
      { id: "t2", node: "a", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 → RUNNING"],
  },
  {
    name: "from a drained node it starts at once, but not before the old one has stopped",
    replicas: 1,
    now: 10,
    nodes: { ...A, a: "drained" },
    tasks: [
      { id: "t1", node: "a", state: "RUNNING", wanted: "SHUTDOWN" },
      { id: "t2", node: "b", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 waits for task t1 to stop"],
    wakeAt: 70,
  },
  {
    name: "an old task that may take five minutes to stop is waited for as long",
    replicas: 1,
    now: 70,
    nodes: { ...A, a: "drained" },
    tasks: [
      { id: "t1", node: "a", state: "RUNNING", wanted: "SHUTDOWN", spec: slowStop },
      { id: "t2", node: "b", state: "READY", wanted: "READY", at: 10, spec: slowStop },
    ],
    expected: ["t2 waits for task t1 to stop"],
    wakeAt: 320,
  },
  {
    name: "an old task that does not stop is waited for a minute",
    replicas: 1,
    now: 70,
    nodes: { ...A, a: "drained" },
    tasks: [
      { id: "t1", node: "a", state: "RUNNING", wanted: "SHUTDOWN" },
      { id: "t2", node: "b", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 → RUNNING"],
  },
  {
    name: "an old task on a node that is down is not waited for",
    replicas: 1,
    now: 15,
    nodes: { ...A, a: "down" },
    tasks: [
      { id: "t1", node: "a", state: "RUNNING", wanted: "SHUTDOWN" },
      { id: "t2", node: "b", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 → RUNNING"],
  },
  {
    name: "an old task that was called off before a node knew of it is not waited for",
    replicas: 1,
    now: 15,
    tasks: [
      { id: "t1", state: "PENDING", wanted: "SHUTDOWN" },
      { id: "t2", node: "b", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 → RUNNING"],
  },
  {
    name: "a replacement that fails while it waits is replaced in turn, when it should have started",
    replicas: 1,
    now: 15,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN" },
      { id: "t2", node: "a", state: "REJECTED", wanted: "READY", at: 10 },
    ],
    expected: ["t2 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "it is not replaced before: replacements that fail at once would follow each other without a pause",
    replicas: 1,
    now: 14,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN" },
      { id: "t2", node: "a", state: "REJECTED", wanted: "READY", at: 10 },
    ],
    expected: [],
    wakeAt: 15,
  },
  {
    name: "a replacement whose node is lost while it waits is replaced at once",
    replicas: 1,
    now: 14,
    nodes: { ...A, b: "down" },
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN" },
      { id: "t2", node: "b", state: "READY", wanted: "READY", at: 10 },
    ],
    expected: ["t2 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "never: what ended has ended, and its slot is served",
    replicas: 1,
    tasks: [{ id: "t1", node: "a", state: "FAILED", spec: never }],
    expected: ["t1 → SHUTDOWN"],
  },
  {
    name: "never: nothing more to do",
    replicas: 1,
    tasks: [{ id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: never }],
    expected: [],
  },
  {
    name: "on failure: a task that is done is not replaced",
    replicas: 1,
    tasks: [{ id: "t1", node: "a", state: "COMPLETE", spec: onFailure }],
    expected: ["t1 → SHUTDOWN"],
  },
  {
    name: "on failure: a task that failed is",
    replicas: 1,
    tasks: [{ id: "t1", node: "a", state: "FAILED", spec: onFailure }],
    expected: ["t1 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a limit on attempts: two restarts are made",
    replicas: 1,
    tasks: [
      { id: "t1", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", state: "FAILED", spec: twice, at: 2 },
    ],
    expected: ["t2 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a limit on attempts: a third is not",
    replicas: 1,
    tasks: [
      { id: "t1", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 2 },
      { id: "t3", state: "FAILED", spec: twice, at: 3 },
    ],
    expected: ["t3 → SHUTDOWN"],
  },
  {
    name: "a limit on attempts within a window: older ones do not count",
    replicas: 1,
    now: 100,
    tasks: [
      { id: "t1", state: "FAILED", wanted: "SHUTDOWN", spec: twicePerMinute, at: 1 },
      { id: "t2", state: "FAILED", wanted: "SHUTDOWN", spec: twicePerMinute, at: 20 },
      { id: "t3", state: "FAILED", spec: twicePerMinute, at: 90, since: 95 },
    ],
    expected: ["t3 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a limit on attempts within a window: it is over when the task ended, however late anybody looks",
    replicas: 1,
    now: 100_000,
    tasks: [
      { id: "t1", state: "FAILED", wanted: "SHUTDOWN", spec: twicePerMinute, at: 1 },
      { id: "t2", state: "FAILED", wanted: "SHUTDOWN", spec: twicePerMinute, at: 60 },
      { id: "t3", state: "FAILED", spec: twicePerMinute, at: 90, since: 95 },
    ],
    expected: ["t3 → SHUTDOWN"],
  },
  {
    name: "a limit on attempts: tasks that were taken from their nodes are no attempts",
    replicas: 1,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", node: "a", state: "SHUTDOWN", wanted: "SHUTDOWN", spec: twice, at: 2, evicted: "moved" },
      { id: "t3", node: "b", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 3, evicted: "moved" },
      { id: "t4", node: "a", state: "FAILED", spec: twice, at: 4 },
    ],
    expected: ["t4 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a limit on attempts: those before a move count all the same",
    replicas: 1,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", node: "a", state: "SHUTDOWN", wanted: "SHUTDOWN", spec: twice, at: 2, evicted: "moved" },
      { id: "t3", node: "b", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 3 },
      { id: "t4", node: "a", state: "FAILED", spec: twice, at: 4 },
    ],
    expected: ["t4 → SHUTDOWN"],
  },
  {
    name: "a limit on attempts: tasks of nodes that were lost or drained are none either",
    replicas: 1,
    tasks: [
      { id: "t1", node: "a", state: "ORPHANED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", node: "b", state: "RUNNING", wanted: "SHUTDOWN", spec: twice, at: 2 },
      { id: "t3", node: "c", state: "SHUTDOWN", wanted: "SHUTDOWN", spec: twice, at: 3 },
      { id: "t4", node: "a", state: "FAILED", spec: twice, at: 4 },
    ],
    expected: ["delete t1", "t4 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a limit on attempts: what was taken from its node is replaced however many there were, without a pause",
    replicas: 1,
    now: 10,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 2 },
      { id: "t3", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 3, evicted: "moved" },
      { id: "t4", node: "b", state: "READY", wanted: "READY", spec: twice, at: 10 },
    ],
    expected: ["t4 → RUNNING"],
  },
  {
    name: "a limit on attempts: what counts is kept however often the task was moved, and nothing besides",
    replicas: 1,
    tasks: [
      { id: "t1", node: "a", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", node: "a", state: "SHUTDOWN", wanted: "SHUTDOWN", spec: twice, at: 2, evicted: "moved" },
      { id: "t3", node: "b", state: "SHUTDOWN", wanted: "SHUTDOWN", spec: twice, at: 3, evicted: "moved" },
      { id: "t4", node: "a", state: "SHUTDOWN", wanted: "SHUTDOWN", spec: twice, at: 4, evicted: "moved" },
      { id: "t5", node: "b", state: "RUNNING", spec: twice, at: 5 },
    ],
    expected: ["delete t2"],
  },
  {
    name: "a limit on attempts: what an update put there begins anew",
    replicas: 1,
    tasks: [
      { id: "t1", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 1 },
      { id: "t2", state: "FAILED", wanted: "SHUTDOWN", spec: twice, at: 2 },
      { id: "t3", state: "FAILED", spec: twice, at: 3, update: 3 },
    ],
    expected: ["t3 → SHUTDOWN, create 1 READY"],
  },
  {
    name: "a limit on attempts counts anew with another version",
    replicas: 1,
    tasks: [
      { id: "t1", state: "FAILED", wanted: "SHUTDOWN", spec: twice, version: 0, at: 1 },
      { id: "t2", state: "FAILED", wanted: "SHUTDOWN", spec: twice, version: 0, at: 2 },
      { id: "t3", state: "FAILED", spec: twice, at: 3 },
    ],
    expected: ["t3 → SHUTDOWN, create 1 READY"],
  },
];

for (const { name, replicas, asks, tasks, nodes = A, now = 1000, expected, wakeAt } of CASES) {
  test(name, (t) => {
    const specs = new Set(tasks.map(({ spec }) => spec));
    const [spec] = specs.size === 1 ? specs : [undefined];
    const service = asks ? replicated(replicas, { task: asks }, 2) : replicated(replicas, spec ? { task: spec } : {});
    const pass = reconcile(service, tasks, { now, nodes });
    t.deepEqual(lines(pass), expected);
    t.deepEqual(alarms(pass), wakeAt === undefined ? [] : [wakeAt]);
  });
}
