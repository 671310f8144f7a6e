import { status } from "@grpc/grpc-js";
import test from "ava";
import { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  TaskStatus,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { StatusError } from "../../../src/api/status-error.js";
import { LinkLostError } from "../../../src/manager/dispatcher/leader-link.js";
import { Registrar } from "../../../src/manager/dispatcher/registrar.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

const PERIOD_MS = 5000;

async function bed(t: { teardown(action: () => void): void }, nodes: Readonly<Record<string, NodeState>> = {}) {
  const clock = new ManualClock();
  const proposer = new MemoryProposer();
  const store = new Store(proposer, clock);
  await store.update((tx) => {
    for (const [id, state] of Object.entries(nodes)) tx.create("node", Node.fromPartial({ id, status: { state } }));
  });
  const logged: string[] = [];
  const registrar = new Registrar({ store, clock, managerNodeId: "m1", log: (line) => logged.push(line) });
  registrar.start();
  t.teardown(() => registrar.stop());
  const over: string[] = [];
  const open = (managerId: string) =>
    registrar.open(managerId, (nodeIds) => over.push(...nodeIds.map((id) => `${id} at ${managerId}`)));
  const stateOf = (id: string) => NodeState[store.view((read) => read.get("node", id))?.status?.state ?? 0];
  const arrival = (nodeId: string) => ({ nodeId, description: undefined, address: "10.0.0.1" });
  const addTask = (id: string, nodeId: string, state = TaskState.ASSIGNED) =>
    store.update((tx) => tx.create("task", Task.fromPartial({ id, nodeId, status: { state } })));
  const taskState = (id: string) => store.view((read) => read.get("task", id))?.status?.state;
  return { clock, store, registrar, logged, over, open, stateOf, arrival, addTask, taskState };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const report = (taskId: string, state: TaskState) => ({ taskId, status: TaskStatus.fromPartial({ state }) });

test("nodes of the store that nobody claims show it, then are down; claimed ones are ready again", async (t) => {
  const { clock, open, stateOf, over } = await bed(t, {
    n1: NodeState.READY,
    n2: NodeState.READY,
    n3: NodeState.DISCONNECTED,
    n4: NodeState.DOWN,
  });
  const hold = open("m2");
  hold.claim(["n1", "n3", "n4", "unknown"]);
  await settled();
  t.deepEqual(over, ["n4 at m2", "unknown at m2"]);
  t.is(stateOf("n3"), "READY", "what the leader before wrote of it does not hold");
  clock.advance(2 * PERIOD_MS);
  await settled();
  t.is(stateOf("n2"), "UNKNOWN");
  clock.advance(4 * PERIOD_MS);
  await settled();
  t.deepEqual(["n1", "n2", "n3", "n4"].map(stateOf), ["READY", "DOWN", "READY", "DOWN"]);
});

test("a node whose manager goes while it is registered is not held by nobody", async (t) => {
  const { clock, registrar, open, stateOf, arrival } = await bed(t);
  const hold = open("m2");
  const arrived = hold.arrive(arrival("n1"));
  registrar.close(hold);
  await arrived;
  t.is(stateOf("n1"), "READY");
  clock.advance(PERIOD_MS);
  await settled();
  t.is(stateOf("n1"), "DISCONNECTED");
  clock.advance(2 * PERIOD_MS);
  await settled();
  t.is(stateOf("n1"), "DOWN");
});

test("a state that was on its way when the node came is taken back", async (t) => {
  const { store, open, stateOf, arrival } = await bed(t);
  const hold = open("m2");
  await hold.arrive(arrival("n1"));
  await store.update((tx) => {
    const node = tx.get("node", "n1")!;
    tx.update("node", { ...node, status: { ...node.status!, state: NodeState.DOWN } });
  });
  await settled();
  t.is(stateOf("n1"), "READY");
});

test("whoever begins again and again is sent away, whatever the manager; one that moves ends where it was", async (t) => {
  const { clock, open, over, arrival } = await bed(t);
  const [one, two] = [open("m2"), open("m3")];
  await one.arrive(arrival("n1"));
  await two.arrive(arrival("n1"));
  t.deepEqual(over, ["n1 at m2"]);
  await one.arrive(arrival("n1"));
  const refusal = await t.throwsAsync<StatusError>(two.arrive(arrival("n1")));
  t.is(refusal.code, status.UNAVAILABLE);
  t.is(refusal.message, "node n1 exceeded rate limit count of registrations");
  clock.advance(8000);
  await t.notThrowsAsync(two.arrive(arrival("n1")));
});

test("reports: states only grow, other nodes' tasks are refused, what is gone or made up is dropped", async (t) => {
  const { open, arrival, addTask, taskState, store } = await bed(t);
  const hold = open("m2");
  await hold.arrive(arrival("n1"));
  await addTask("a", "n1");
  await addTask("b", "n1", TaskState.RUNNING);
  await addTask("c", "n2");
  const before = store.version;
  const refused = await hold.report("n1", [
    report("a", TaskState.RUNNING),
    report("b", TaskState.PREPARING),
    report("c", TaskState.FAILED),
    report("gone", TaskState.RUNNING),
  ]);
  t.deepEqual(refused, [{ taskId: "c", reason: "task c is not assigned to node n1" }]);
  t.deepEqual([taskState("a"), taskState("b"), taskState("c")], [512, 512, TaskState.ASSIGNED]);
  t.is(store.version, before + 1);
  await hold.report("n1", [report("a", TaskState.RUNNING), report("b", TaskState.ORPHANED)]);
  t.is(store.version, before + 1, "nothing new is not written, and a node orphans nothing");
  await Promise.all([
    hold.report("n1", [report("a", TaskState.SHUTDOWN)]),
    hold.report("n1", [report("b", TaskState.FAILED)]),
  ]);
  t.is(store.version, before + 2, "one entry for all that came together");
  t.deepEqual([taskState("a"), taskState("b")], [TaskState.SHUTDOWN, TaskState.FAILED]);
});

test("when more fall silent than could have died, half are given up and the others are not; whoever comes again is ready", async (t) => {
  const ids = Array.from({ length: 10 }, (_, i) => `n${i}`);
  const { clock, registrar, open, stateOf, store, arrival } = await bed(t);
  await store.update((tx) => {
    for (const id of ids) tx.create("node", Node.fromPartial({ id }));
  });
  const hold = open("m2");
  for (const id of ids) await hold.arrive(arrival(id));
  const inState = (state: string) => ids.filter((id) => stateOf(id) === state);
  t.is(inState("READY").length, 10);
  // As when the managers are cut off from the agents.
  registrar.close(hold);
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settled();
    await settled();
  };
  await pass(PERIOD_MS);
  t.is(inState("DISCONNECTED").length, 10);
  await pass(2 * PERIOD_MS + 200);
  const [down, withheld] = [inState("DOWN"), inState("UNKNOWN")];
  t.deepEqual([down.length, withheld.length], [5, 5]);
  const message = store.view((read) => read.get("node", withheld[0]!))?.status?.message ?? "";
  t.regex(message, /too many nodes fell silent at once/);
  await pass(200_000);
  t.is(inState("DOWN").length, 5, "as long as nothing changes");
  const again = open("m3");
  again.claim(withheld.slice(1));
  await again.arrive(arrival(down[0]!));
  await settled();
  t.deepEqual(inState("READY").sort(), [down[0]!, ...withheld.slice(1)].sort(), "they are there again");
  await pass(101_000);
  t.deepEqual(inState("DOWN").length, 5, "who stays away is given up in the end");
  t.is(stateOf(withheld[0]!), "DOWN");
});

test("a term that is over takes nothing in any more", async (t) => {
  const { registrar, open, arrival, clock, stateOf } = await bed(t, { n1: NodeState.READY });
  const hold = open("m2");
  registrar.stop();
  await t.throwsAsync(hold.arrive(arrival("n1")), { instanceOf: LinkLostError });
  await t.throwsAsync(hold.report("n1", []), { instanceOf: LinkLostError });
  hold.left("n1", 0);
  registrar.close(hold);
  clock.advance(600_000);
  await settled();
  t.is(stateOf("n1"), "READY");
  t.is(clock.pending, 0);
});
