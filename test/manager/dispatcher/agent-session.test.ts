/** The agent's own session against real managers, over changes of who is there. */
import test from "ava";
import { DispatcherSession } from "../../../src/agent/session/dispatcher-session.js";
import { ManagerList } from "../../../src/agent/session/manager-choice.js";
import { Managers } from "../../../src/agent/session/managers.js";
import { describeNode } from "../../../src/agent/session/node-description.js";
import { AssignmentSet } from "../../../src/agent/worker/assignment-set.js";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import {
  NodeRole,
  NodeStatus_State as NodeState,
  TaskState,
  TaskStatus,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { admit, agentIdentity } from "../admitted-nodes.js";
import { ManagerGroup, type ManagerHost } from "../manager-group.js";
import { nodeId, processService } from "../test-cluster.js";

test("an agent's session by the stream: it moves to another manager and goes on, with all its tasks", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  const id = nodeId(9);
  const { store } = leader.manager;
  await admit(store, id, NodeRole.WORKER);
  const list = new ManagerList(group.hosts.map(({ address }) => address));
  const managers = new Managers({
    identity: agentIdentity(store, id),
    list,
    random: Math.random,
    now: Date.now,
    onSilent: () => {},
  });
  const set = new AssignmentSet();
  const statuses = new Map<string, TaskStatus>();
  const resyncs: string[] = [];
  const session: DispatcherSession = new DispatcherSession({
    connect: () => managers.session(),
    describe: () => describeNode({ hostname: "host9", engineVersion: "1", engineLabels: {}, runtimes: ["process"] }),
    assignments: {
      streamOpened: () => set.streamOpened(),
      apply: (message) => {
        const { kind } = set.apply(message);
        if (kind === "resync") resyncs.push(message.appliesTo);
        for (const taskId of set.current.tasks.keys()) {
          if (statuses.has(taskId)) continue;
          const status = TaskStatus.fromPartial({ state: TaskState.RUNNING, timestamp: { seconds: 1 } });
          statuses.set(taskId, status);
          session.report(taskId, status);
        }
        return kind;
      },
      statuses: () => statuses,
    },
    onNode: () => {},
    log: (line) => t.log(line),
  });
  t.teardown(() => {
    session.stop();
    managers.close();
  });
  const holder = () => group.running.find(({ manager }) => (manager.member?.dispatcher.sessions ?? 0) > 0);
  const running = (host: ManagerHost) =>
    host.manager.store.view((read) => read.all("task")).filter(({ status }) => status?.state === TaskState.RUNNING);
  session.start();
  await group.until("it has a session", () => session.registered && holder() !== undefined);
  await leader.call(ControlService.createService, { spec: processService("web", 3) });
  await group.until("three run", () => running(leader).length === 3);
  const first = holder()!;
  const survivor = group.running.find((host) => host !== first)!;
  await first.stop();
  await group.until("another manager has it", () => session.registered && holder() !== undefined);
  const led = await group.leader();
  await led.call(ControlService.createService, { spec: processService("more", 2) });
  await group.until("five run", () => running(survivor).length === 5);
  t.is(survivor.node(id)?.status?.state, NodeState.READY);
  t.deepEqual(resyncs, []);
});
