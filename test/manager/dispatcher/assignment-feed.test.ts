import test from "ava";
import {
  AssignmentChange_AssignmentAction as Action,
  type AssignmentsMessage,
  AssignmentsMessage_Type as Type,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { AssignmentFeed } from "../../../src/manager/dispatcher/assignment-feed.js";

const task = (id: string, state = TaskState.ASSIGNED) =>
  Task.fromPartial({ id, nodeId: "n1", status: { state }, desiredState: TaskState.RUNNING });
const withState = (one: Task, state: TaskState): Task => ({ ...one, status: { ...one.status!, state } });

function text(message: AssignmentsMessage | undefined): string {
  if (!message) return "nothing";
  const changes = message.changes.map(({ action, assignment }) => {
    const id = assignment?.item?.$case === "task" ? assignment.item.value.id : "?";
    return `${action === Action.REMOVE ? "-" : "+"}${id}`;
  });
  return `${Type[message.type]} ${message.appliesTo}→${message.resultsIn} ${changes.join(" ")}`;
}

test("first all that is assigned, then what changes, each on top of the one before", (t) => {
  const feed = new AssignmentFeed("n1");
  const other = { ...task("other"), nodeId: "n2" };
  t.is(text(feed.complete([task("a"), task("b"), task("c", TaskState.PENDING), other])), "COMPLETE →1 +a +b");
  t.is(text(feed.next()), "nothing");
  feed.note("c", task("c"));
  feed.note("b", undefined);
  t.is(text(feed.next()), "INCREMENTAL 1→2 +c -b");
  feed.note("a", { ...task("a"), desiredState: TaskState.SHUTDOWN });
  t.is(text(feed.next()), "INCREMENTAL 2→3 +a");
});

test("what the node itself reported is not sent back", (t) => {
  const feed = new AssignmentFeed("n1");
  const a = task("a");
  feed.complete([a]);
  t.false(feed.note("a", withState(a, TaskState.RUNNING)));
  t.is(text(feed.next()), "nothing");
});

test("changes between two messages become one, and none when they cancel out", (t) => {
  const feed = new AssignmentFeed("n1");
  const a = task("a");
  feed.complete([a]);
  feed.note("a", { ...a, desiredState: TaskState.SHUTDOWN });
  feed.note("a", { ...a, desiredState: TaskState.REMOVE });
  feed.note("b", task("b"));
  t.false(feed.note("b", undefined) && feed.note("a", a), "b came and went, a is as it was");
  t.is(text(feed.next()), "nothing");
});

test("a task that is given to another node is gone", (t) => {
  const feed = new AssignmentFeed("n1");
  feed.complete([task("a")]);
  feed.note("a", { ...task("a"), nodeId: "n2" });
  t.is(text(feed.next()), "INCREMENTAL 1→2 -a");
});
