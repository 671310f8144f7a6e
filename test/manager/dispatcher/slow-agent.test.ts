import test from "ava";
import {
  AssignmentsMessage,
  AssignmentsMessage_Type as Type,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { OrderWriter } from "../../../src/manager/dispatcher/order-writer.js";
import { type Outlet, Seat } from "../../../src/manager/dispatcher/seat.js";
import { SessionNews } from "../../../src/manager/dispatcher/session-news.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock } from "../manual-clock.js";

class SlowOutlet implements Outlet {
  readonly wrapping = "plain";
  blocked = false;
  readonly sent: Buffer[] = [];

  send(message: Buffer): void {
    this.sent.push(message);
  }
}

test("an agent that reads nothing holds no messages: when it reads again it gets one, with the last of each task", async (t) => {
  const store = new Store(new MemoryProposer(), new ManualClock());
  await store.update((tx) => tx.create("node", Node.fromPartial({ id: "n1" })));
  const news = new SessionNews({ peer: { nodeId: "m1", addr: "10.0.0.1:2377" }, weight: 1 });
  store.view((read) => news.look(read));
  const session = { id: "s1", nodeId: "n1", onEnd: () => {} };
  const seat = new Seat({ session, store, news, writer: new OrderWriter() });
  const [toldSession, told] = [new SlowOutlet(), new SlowOutlet()];
  seat.tellSession(toldSession);
  seat.tellAssignments(told);
  told.blocked = true;
  toldSession.blocked = true;
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 20; i++) {
      const task = Task.fromPartial({
        id: `t${i}`,
        nodeId: "n1",
        status: { state: TaskState.ASSIGNED },
        desiredState: TaskState.RUNNING,
        annotations: { name: `name${round}` },
      });
      seat.noteTask(task.id, round === 49 && i < 5 ? undefined : task);
    }
    seat.flush();
  }
  t.is(told.sent.length, 1, "the complete one");
  t.is(toldSession.sent.length, 1);
  told.blocked = false;
  seat.flush();
  seat.flush();
  t.is(told.sent.length, 2);
  const message = AssignmentsMessage.decode(told.sent[1]!);
  t.is(message.type, Type.INCREMENTAL);
  t.is(message.changes.length, 15, "what came and went unseen is not told");
  t.true(
    message.changes.every(
      ({ assignment }) => assignment?.item?.$case === "task" && assignment.item.value.annotations?.name === "name49",
    ),
  );
});
