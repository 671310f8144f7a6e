import test from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import {
  NodeRole,
  NodeStatus_State as NodeState,
  TaskState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { admit, agentIdentity } from "../admitted-nodes.js";
import { ManagerGroup } from "../manager-group.js";
import { nodeId, processService } from "../test-cluster.js";
import { StreamAgent } from "./stream-agent.js";

const AGENTS = 40;
const RETRY_MS = 100;

test("the leader goes with a third of all nodes: all come again at once, none is lost, nothing is restarted", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  for (const host of group.hosts) {
    await group.until("each manager serves", () => host.manager.member!.dispatcher.services !== undefined);
  }
  const { store } = leader.manager;
  const agents: StreamAgent[] = [];
  for (let i = 0; i < AGENTS; i++) {
    const id = nodeId(100 + i);
    await admit(store, id, NodeRole.WORKER);
    agents.push(new StreamAgent(id, agentIdentity(store, id).channelCredentials()));
  }
  const beats = setInterval(() => {
    for (const agent of agents) agent.beat();
  }, 1000);
  t.teardown(() => {
    clearInterval(beats);
    for (const agent of agents) agent.stop();
  });
  await Promise.all(agents.map((agent, i) => agent.start(group.hosts[i % 3]!.address)));
  const { service } = await leader.call(ControlService.createService, { spec: processService("web", 2 * AGENTS) });
  const next = (await group.followers())[0]!;
  const tasks = () => next.manager.store.view((read) => read.find("task", "service", service!.id));
  const running = () => tasks().filter(({ status }) => status?.state === TaskState.RUNNING);
  await group.until("all run", () => running().length === 2 * AGENTS);
  const before = running()
    .map(({ id }) => id)
    .sort();
  const down: string[] = [];
  const endWatch = next.manager.store.watch([{ kind: "node" }], (events) => {
    for (const { kind, object } of events) {
      if (kind === "node" && object.status?.state === NodeState.DOWN) down.push(object.id);
    }
  });
  t.teardown(endWatch);
  const orphans = agents.filter((_, i) => group.hosts[i % 3] === leader);
  await leader.stop();
  /** As agents do: at once, then again after a pause, each time at another manager. */
  const comeAgain = async (agent: StreamAgent, first: number) => {
    for (let attempt = first; ; attempt++) {
      try {
        await agent.start(group.running[attempt % 2]!.address);
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  };
  await Promise.all(orphans.map((agent, i) => comeAgain(agent, i)));
  await group.until("each has its tasks", () => agents.every(({ ended, tasks: { size } }) => !ended && size === 2));
  const sessions = group.running.map(({ manager }) => manager.member!.dispatcher.sessions);
  t.is(
    sessions.reduce((sum, count) => sum + count),
    AGENTS,
  );
  const led = await group.leader();
  const more = await led.call(ControlService.createService, { spec: processService("more", AGENTS) });
  await group.until("what is asked for now runs too", () => {
    const found = led.manager.store.view((read) => read.find("task", "service", more.service!.id));
    return found.filter(({ status }) => status?.state === TaskState.RUNNING).length === AGENTS;
  });
  t.deepEqual(
    running()
      .map(({ id }) => id)
      .sort(),
    before,
  );
  t.deepEqual(down, []);
});
