/** A node that begins sessions with several managers at once has one in the end. */
import { Metadata } from "@grpc/grpc-js";
import test from "ava";
import { NodeDescription, NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { CallContext } from "../../../src/api/server-call.js";
import { Dispatcher } from "../../../src/manager/dispatcher/dispatcher.js";
import type { LeaderLink } from "../../../src/manager/dispatcher/leader-link.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import { ManualClock, seededBytes } from "../manual-clock.js";

const NODE = "n1";
const CONTEXT: CallContext = { path: "/", metadata: new Metadata(), peer: "10.0.0.1:1024" };

/** A leader that takes nodes in, and answers, when the test says so. */
class Leader implements LeaderLink {
  held: () => void = () => {};
  answer: () => void = () => {};
  readonly heard: string[] = [];

  claim(): void {}

  arrive(_arrival: unknown, held: () => void = () => {}): Promise<void> {
    this.held = held;
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  async report() {
    return [];
  }

  left(nodeId: string): void {
    this.heard.push(`${nodeId} left`);
  }
}

function bed(t: { teardown(action: () => void): void }) {
  const clock = new ManualClock();
  const identify = () => ({ nodeId: NODE, role: NodeRole.WORKER, peer: CONTEXT.peer });
  const dispatcher = new Dispatcher({
    store: new Store(new MemoryProposer(), clock),
    clock,
    random: seededBytes(1),
    identity: { identify, origin: () => ({ peer: CONTEXT.peer, caller: identify() }) },
    managerNodeId: "m1",
    managerAddress: "10.0.0.9:4242",
    log: () => {},
  });
  dispatcher.start();
  t.teardown(() => dispatcher.stop());
  const leader = new Leader();
  dispatcher.follow(leader);
  const begin = () => dispatcher.begin(CONTEXT, NodeDescription.fromPartial({ hostname: NODE }), () => true);
  return { dispatcher, leader, begin };
}

test("what the leader says of a node before it has taken it in here concerns an earlier session", async (t) => {
  const { dispatcher, leader, begin } = bed(t);
  const begun = begin();
  dispatcher.superseded([NODE]);
  leader.held();
  leader.answer();
  t.truthy(await begun);
  t.is(dispatcher.sessions, 1);
});

test("a node that turns to another manager before its session is open here gets none", async (t) => {
  const { dispatcher, leader, begin } = bed(t);
  const begun = begin();
  leader.held();
  dispatcher.superseded([NODE]);
  leader.answer();
  await t.throwsAsync(begun, { message: /has begun a session with another manager/ });
  t.is(dispatcher.sessions, 0);
  t.deepEqual(leader.heard, [`${NODE} left`]);
});
