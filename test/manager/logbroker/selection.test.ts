import { status } from "@grpc/grpc-js";
import test from "ava";
import { LogSelector } from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { taskLabel } from "../../../src/api/task-label.js";
import { incomplete, missingText, unplacedText } from "../../../src/manager/logbroker/missing.js";
import {
  isExhausted,
  isSelected,
  isUnplaced,
  mayHaveOutput,
  selectedTasks,
  validSelector,
} from "../../../src/manager/logbroker/selection.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

type PartialTask = Parameters<typeof Task.fromPartial>[0];

const task = (id: string, more: PartialTask = {}) =>
  Task.fromPartial({ id, serviceId: "web", nodeId: "n1", desiredState: TaskState.RUNNING, status: {}, ...more });
const selector = (more: Parameters<typeof LogSelector.fromPartial>[0]) => LogSelector.fromPartial(more);

test("a selector names something, and not too much", (t) => {
  for (const wrong of [undefined, selector({}), selector({ taskIds: Array.from({ length: 1001 }, String) })]) {
    t.throws(() => validSelector(wrong), { code: status.INVALID_ARGUMENT as never });
  }
  t.notThrows(() => validSelector(selector({ nodeIds: ["n1"] })));
});

test("what a selector means", (t) => {
  const table: readonly [selector: Parameters<typeof selector>[0], task: Task, is: boolean][] = [
    [{ serviceIds: ["web"] }, task("t1"), true],
    [{ serviceIds: ["api"] }, task("t1"), false],
    [{ serviceIds: [""] }, task("t1", { serviceId: "" }), false],
    [{ taskIds: ["t1"] }, task("t1", { nodeId: "" }), true],
    [{ nodeIds: ["n1"] }, task("t1"), true],
    [{ nodeIds: [""] }, task("t1", { nodeId: "" }), false],
    [{ nodeIds: ["n2"], taskIds: ["t2"], serviceIds: ["api"] }, task("t1"), false],
  ];
  for (const [one, of, is] of table) t.is(isSelected(selector(one), of), is, JSON.stringify(one));
});

test("which tasks can have written something, and which are nowhere yet", (t) => {
  const table: readonly [state: TaskState, more: PartialTask, output: boolean, unplaced: boolean][] = [
    [TaskState.NEW, { nodeId: "" }, false, true],
    [TaskState.PENDING, { nodeId: "" }, false, true],
    [TaskState.PENDING, { nodeId: "", desiredState: TaskState.SHUTDOWN }, false, false],
    [TaskState.ASSIGNED, {}, false, false],
    [TaskState.PREPARING, {}, false, false],
    [TaskState.STARTING, {}, true, false],
    [TaskState.RUNNING, {}, true, false],
    [TaskState.COMPLETE, {}, true, false],
    [TaskState.FAILED, {}, true, false],
    [TaskState.REJECTED, {}, false, false],
    [TaskState.ORPHANED, {}, true, false],
  ];
  for (const [state, more, output, unplaced] of table) {
    const one = task("t1", { ...more, status: { state } });
    t.deepEqual([mayHaveOutput(one), isUnplaced(one)], [output, unplaced], TaskState[state]);
  }
});

test("what is selected of a store, and when nothing more can come", async (t) => {
  const store = new Store(new MemoryProposer(), new ManualClock());
  await store.update((tx) => {
    tx.create("service", Service.fromPartial({ id: "web", spec: { annotations: { name: "web" } } }));
    tx.create("task", task("t1", { status: { state: TaskState.RUNNING } }));
    tx.create("task", task("t2", { status: { state: TaskState.COMPLETE }, nodeId: "n2" }));
    tx.create("task", task("t3", { serviceId: "gone", status: { state: TaskState.SHUTDOWN } }));
  });
  const ids = (one: Parameters<typeof selector>[0]) =>
    store.view((read) => selectedTasks(read, selector(one)).map(({ id }) => id)).sort();
  t.deepEqual(ids({ serviceIds: ["web"] }), ["t1", "t2"]);
  t.deepEqual(ids({ nodeIds: ["n1"] }), ["t1", "t3"]);
  t.deepEqual(ids({ taskIds: ["t2", "nosuch"] }), ["t2"]);
  const table: readonly [selector: Parameters<typeof selector>[0], is: boolean][] = [
    [{ serviceIds: ["web"] }, false],
    [{ serviceIds: ["gone"] }, true],
    [{ taskIds: ["t1"] }, false],
    [{ taskIds: ["t2", "nosuch"] }, true],
    [{ taskIds: ["t2"], nodeIds: ["n2"] }, false],
    [{ taskIds: ["t2"], serviceIds: ["web"] }, false],
  ];
  for (const [one, is] of table) {
    t.is(
      store.view((read) => isExhausted(read, selector(one))),
      is,
      JSON.stringify(one),
    );
  }
});

test("words for what is missing", (t) => {
  t.is(missingText("host1 (n1)", "is down", ["web.1"]), "node host1 (n1) is down: logs of web.1 are missing");
  const many = Array.from({ length: 8 }, (_, at) => `web.${at}`);
  t.is(
    missingText("n1", "is down", many),
    "node n1 is down: logs of web.0, web.1, web.2, web.3, web.4 and 3 more tasks are missing",
  );
  t.is(missingText("n1", "went down", []), "node n1 went down");
  t.is(taskLabel(task("t1", { serviceAnnotations: { name: "web" }, slot: 3 })), "web.3");
  t.is(taskLabel(task("t1", { serviceAnnotations: { name: "all" } })), "all.n1");
  t.is(unplacedText(taskLabel(task("t1")), "t1"), "task t1 has not been scheduled");
  t.is(incomplete([]), undefined);
  t.like(incomplete(["a", "b"]), {
    code: status.UNKNOWN,
    message: "warning: incomplete log stream. some logs could not be retrieved for the following reasons: a, b",
  });
});
