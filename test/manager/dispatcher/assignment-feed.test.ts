import test from "ava";
import {
  AssignmentChange_AssignmentAction as Action,
  AssignmentsMessage,
  AssignmentsMessage_Type as Type,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { Config, Node, Secret, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { ResourceType, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeOrder } from "../../../src/api/generated/tswarm/v1/dispatcher.js";
import { AssignmentFeed, type FeedMessage } from "../../../src/manager/dispatcher/assignment-feed.js";
import { OrderWriter } from "../../../src/manager/dispatcher/order-writer.js";
import type { StoreReader } from "../../../src/store/reader.js";

const task = (id: string, state = TaskState.ASSIGNED) =>
  Task.fromPartial({ id, nodeId: "n1", status: { state }, desiredState: TaskState.RUNNING });
const withState = (one: Task, state: TaskState): Task => ({ ...one, status: { ...one.status!, state } });

const SECRETS = ["s1", "s2"].map((id) => Secret.fromPartial({ id, spec: { data: Buffer.from(id) } }));
const DRIVEN = Secret.fromPartial({ id: "driven", spec: { driver: { name: "vault" } } });
const CONFIG = Config.fromPartial({ id: "c1", spec: { data: Buffer.from("c1") } });
const OBJECTS: Readonly<Record<string, object>> = Object.fromEntries([
  ...[...SECRETS, DRIVEN].map((one) => [`secret/${one.id}`, one]),
  ["config/c1", CONFIG],
]);
const read = { get: (kind: string, id: string) => OBJECTS[`${kind}/${id}`] } as unknown as StoreReader;

const needing = (id: string, secretIds: readonly string[], configIds: readonly string[] = []): Task =>
  Task.fromPartial({
    ...task(id),
    spec: {
      runtime: {
        $case: "container",
        value: {
          secrets: secretIds.map((secretId) => ({ secretId })),
          configs: configIds.map((configId) => ({ configId })),
        },
      },
    },
  });

function text(message: FeedMessage | undefined): string {
  if (!message) return "nothing";
  const changes = message.changes.map((change) =>
    change.action === Action.REMOVE ? `-${change.id}` : `+${change.item.object.id}`,
  );
  return `${Type[message.type]} ${message.appliesTo}→${message.resultsIn} ${changes.join(" ")}`;
}

test("first all that is assigned, then what changes, each on top of the one before", (t) => {
  const feed = new AssignmentFeed("n1");
  const other = { ...task("other"), nodeId: "n2" };
  t.is(text(feed.complete([task("a"), task("b"), task("c", TaskState.PENDING), other], read)), "COMPLETE →1 +a +b");
  t.is(text(feed.next(read)), "nothing");
  feed.note("c", task("c"));
  feed.note("b", undefined);
  t.is(text(feed.next(read)), "INCREMENTAL 1→2 +c -b");
  feed.note("a", { ...task("a"), desiredState: TaskState.SHUTDOWN });
  t.is(text(feed.next(read)), "INCREMENTAL 2→3 +a");
});

test("what the node itself reported is not sent back, also where the task was read anew from the log", (t) => {
  const feed = new AssignmentFeed("n1");
  const attached = Task.fromPartial({
    ...needing("a", []),
    annotations: { name: "web.1", labels: { a: "b" } },
    networks: [{ network: { id: "net" }, addresses: ["10.0.0.2/24"] }],
    assignedGenericResources: [{ resource: { $case: "namedResourceSpec", value: { kind: "gpu", value: "1" } } }],
  });
  feed.complete([attached], read);
  t.false(feed.note("a", withState(attached, TaskState.RUNNING)));
  const again = Task.decode(Task.encode(withState(attached, TaskState.RUNNING)).finish());
  t.false(feed.note("a", again));
  t.is(text(feed.next(read)), "nothing");
  for (const other of [
    { ...again, networks: [{ ...again.networks[0]!, addresses: ["10.0.0.3/24"] }] },
    { ...again, annotations: { ...again.annotations!, name: "web.2" } },
    { ...again, assignedGenericResources: [] },
  ]) {
    t.true(feed.note("a", other));
    feed.note("a", again);
  }
});

test("changes between two messages become one, and none when they cancel out", (t) => {
  const feed = new AssignmentFeed("n1");
  const a = task("a");
  feed.complete([a], read);
  feed.note("a", { ...a, desiredState: TaskState.SHUTDOWN });
  feed.note("a", { ...a, desiredState: TaskState.REMOVE });
  feed.note("b", task("b"));
  t.false(feed.note("b", undefined) && feed.note("a", a), "b came and went, a is as it was");
  t.is(text(feed.next(read)), "nothing");
});

test("a task that is given to another node is gone", (t) => {
  const feed = new AssignmentFeed("n1");
  feed.complete([task("a")], read);
  feed.note("a", { ...task("a"), nodeId: "n2" });
  t.is(text(feed.next(read)), "INCREMENTAL 1→2 -a");
});

test("secrets and configs come before the first task that needs them and go after the last", (t) => {
  const feed = new AssignmentFeed("n1");
  const [a, b] = [needing("a", ["s1"], ["c1"]), needing("b", ["s1", "s2"])];
  t.is(text(feed.complete([a], read)), "COMPLETE →1 +s1 +c1 +a");
  feed.note("b", b);
  t.is(text(feed.next(read)), "INCREMENTAL 1→2 +s2 +b");
  feed.note("a", withState(a, TaskState.RUNNING));
  t.is(text(feed.next(read)), "nothing");
  t.true(feed.note("a", withState(a, TaskState.FAILED)));
  t.is(text(feed.next(read)), "INCREMENTAL 2→3 -c1");
  feed.note("b", { ...b, desiredState: TaskState.SHUTDOWN });
  t.is(text(feed.next(read)), "INCREMENTAL 3→4 +b -s1 -s2");
  feed.note("b", undefined);
  t.is(text(feed.next(read)), "INCREMENTAL 4→5 -b");
});

test("a task that came and went left no secret behind; one that has ended brings none", (t) => {
  const feed = new AssignmentFeed("n1");
  t.is(text(feed.complete([withState(needing("old", ["s1"]), TaskState.COMPLETE)], read)), "COMPLETE →1 +old");
  feed.note("a", needing("a", ["s1"]));
  feed.note("a", undefined);
  t.is(text(feed.next(read)), "nothing");
});

test("references of other runtimes count; what is gone, or only a driver knows, is not sent", (t) => {
  const feed = new AssignmentFeed("n1");
  const reference = (resourceId: string, resourceType: ResourceType) => ({ resourceId, resourceType });
  const one = Task.fromPartial({
    ...task("a"),
    spec: {
      resourceReferences: [
        reference("s1", ResourceType.SECRET),
        reference("c1", ResourceType.CONFIG),
        reference("other", ResourceType.TASK),
        reference("gone", ResourceType.SECRET),
        reference("driven", ResourceType.SECRET),
      ],
    },
  });
  t.is(text(feed.complete([one], read)), "COMPLETE →1 +s1 +c1 +a");
});

test("what goes out is what the generated code would write, by itself and as an order", (t) => {
  const feed = new AssignmentFeed("n1");
  const writer = new OrderWriter();
  const [a, b] = [needing("a", ["s1"], ["c1"]), needing("b", ["s2"])];
  const complete = feed.complete([a, b], read);
  feed.note("a", undefined);
  feed.note("b", { ...b, desiredState: TaskState.SHUTDOWN });
  for (const message of [complete, feed.next(read)!]) {
    const changes = message.changes.map((change) => {
      if (change.action === Action.UPDATE) {
        return { action: change.action, assignment: { item: { $case: change.item.kind, value: change.item.object } } };
      }
      return { action: change.action, assignment: { item: { $case: change.kind, value: { id: change.id } } } };
    });
    const expected = AssignmentsMessage.fromPartial({ ...message, changes } as never);
    t.deepEqual(AssignmentsMessage.decode(writer.assignments(message, "plain")), expected);
    const order = NodeOrder.decode(writer.assignments(message, "order")).order;
    t.deepEqual(order, { $case: "assignments", value: expected });
  }
  const node = Node.fromPartial({ id: "n1", description: { hostname: "host" } });
  const order = NodeOrder.decode(writer.session("id", node, Buffer.from([42, 1, 65]), "order")).order;
  t.like(order, { $case: "session", value: { sessionId: "id", node, RootCA: Buffer.from("A") } });
});
