import { status } from "@grpc/grpc-js";
import test from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import {
  NodeRole,
  NodeStatus_State as NodeState,
  TaskState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalManagerService } from "../../../src/api/generated/tswarm/v1/manager.js";
import { admit, agentIdentity } from "../admitted-nodes.js";
import { ManagerGroup, type ManagerHost } from "../manager-group.js";
import { nodeId, processService } from "../test-cluster.js";
import { StreamAgent } from "./stream-agent.js";

async function agentOf(group: ManagerGroup, number: number): Promise<StreamAgent> {
  const id = nodeId(number);
  const { store } = (await group.leader()).manager;
  await admit(store, id, NodeRole.WORKER);
  return new StreamAgent(id, agentIdentity(store, id).channelCredentials());
}

const sessions = (host: ManagerHost) => host.manager.member!.dispatcher.sessions;
const stateOf = (host: ManagerHost, number: number) => host.node(nodeId(number))?.status?.state;
const tasksOf = (host: ManagerHost, serviceId: string) =>
  host.manager.store.view((read) => read.find("task", "service", serviceId));
const running = (host: ManagerHost, serviceId: string) =>
  tasksOf(host, serviceId).filter((task) => task.status?.state === TaskState.RUNNING);

async function create(host: ManagerHost, name: string, replicas: number): Promise<string> {
  const { service } = await host.call(ControlService.createService, { spec: processService(name, replicas) });
  return service!.id;
}

/** Agents that show that they live. */
function beating(agents: readonly StreamAgent[], t: { teardown(action: () => void): void }): void {
  const timer = setInterval(() => {
    for (const agent of agents) agent.beat();
  }, 500);
  t.teardown(() => {
    clearInterval(timer);
    for (const agent of agents) agent.stop();
  });
}

test("a follower holds sessions: what its nodes say is written by the leader, what they are told comes from its own store", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one] = await group.followers();
  const leader = await group.leader();
  const agent = await agentOf(group, 9);
  beating([agent], t);
  await group.until("the follower serves", () => one!.manager.member!.dispatcher.services !== undefined);
  await agent.start(one!.address);
  t.is(sessions(one!), 1);
  t.is(sessions(leader), 0);
  await group.until("the node is ready", () => stateOf(leader, 9) === NodeState.READY);
  const web = await create(one!, "web", 3);
  await group.until("three run", () => running(leader, web).length === 3);
  const [task] = running(leader, web);
  t.is(task?.status?.appliedBy, leader.nodeId);
  t.true((task?.status?.appliedAt?.seconds ?? 0) > 0);
  const other = await agentOf(group, 8);
  beating([other], t);
  await other.start(one!.address);
  other.report(task!.id, TaskState.FAILED);
  await group.until("that is refused", () => other.refused.length === 1);
  t.is(other.refused[0]?.taskId, task?.id);
  t.is(leader.manager.store.view((read) => read.get("task", task!.id))?.status?.state, TaskState.RUNNING);
  agent.stop();
  await group.until("the leader knows that it has gone", () => stateOf(leader, 9) !== NodeState.READY);
  // To one that has taken over meanwhile it is a node that was not heard of.
  t.is(stateOf(leader, 9), leader.manager.isLeading ? NodeState.DISCONNECTED : NodeState.UNKNOWN);
  await group.until("and then that it is down", () => stateOf(leader, 9) === NodeState.DOWN);
});

test("leadership moves: no session ends, and what is asked for then runs", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  await group.followers();
  const agents: StreamAgent[] = [];
  beating(agents, t);
  for (const [i, host] of group.hosts.entries()) {
    await group.until("it serves", () => host.manager.member!.dispatcher.services !== undefined);
    const agent = await agentOf(group, 10 + i);
    agents.push(agent);
    await agent.start(host.address);
  }
  const web = await create(group.hosts[0]!, "web", 6);
  await group.until("six run", () => running(group.hosts[0]!, web).length === 6);
  const before = running(group.hosts[0]!, web).map(({ id }) => id);
  for (let round = 1; round <= 2; round++) {
    const leader = await group.leader();
    const [next] = await group.followers();
    await leader.call(LocalManagerService.transferLeadership, { nodeId: next!.nodeId });
    await group.until("it leads", () => next!.manager.isLeading);
    const more = await create(next!, `more${round}`, 6);
    await group.until("the new ones run", () => running(next!, more).length === 6);
  }
  for (const agent of agents) t.is(agent.ended, undefined);
  const [any] = group.hosts;
  t.deepEqual(
    running(any!, web)
      .map(({ id }) => id)
      .sort(),
    [...before].sort(),
    "nothing was restarted",
  );
  for (let i = 0; i < agents.length; i++) t.is(stateOf(any!, 10 + i), NodeState.READY);
  // Whoever was sent twice what it had said itself would have been told it anew.
  for (const agent of agents) {
    t.is(agent.messages.flatMap(({ changes }) => changes).length, agent.tasks.size, "each task is told once");
  }
});

test("a manager dies: its nodes go elsewhere and keep their tasks; a session that moves ends where it was", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  const leader = await group.leader();
  const agent = await agentOf(group, 9);
  beating([agent], t);
  await group.until("it serves", () => one!.manager.member!.dispatcher.services !== undefined);
  await group.until("it serves", () => two!.manager.member!.dispatcher.services !== undefined);
  await agent.start(one!.address);
  const web = await create(leader, "web", 2);
  await group.until("two run", () => running(leader, web).length === 2);
  const before = running(leader, web).map(({ id }) => id);
  const states: (NodeState | undefined)[] = [];
  const end = leader.manager.store.watch([{ kind: "node", id: agent.nodeId }], () => states.push(stateOf(leader, 9)));
  t.teardown(end);
  await one!.stop();
  await group.until("its session has ended", () => agent.ended !== undefined);
  await agent.start(two!.address);
  await group.until("it has its tasks", () => agent.tasks.size === 2);
  t.deepEqual(
    running(leader, web).map(({ id }) => id),
    before,
  );
  t.true(states.every((state) => state === NodeState.READY));
  // The same node comes to another manager while its first stream still stands.
  const twin = new StreamAgent(agent.nodeId, agentIdentity(leader.manager.store, agent.nodeId).channelCredentials());
  beating([twin], t);
  await twin.start(leader.address);
  await group.until("the earlier session is over", () => agent.ended !== undefined);
  t.is(agent.ended?.code, status.ABORTED);
  t.is(sessions(leader), 1);
  t.is(sessions(two!), 0);
  t.is(twin.ended, undefined);
});

test("a manager that is alone lets its nodes go, and takes none", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  const leader = await group.leader();
  const agent = await agentOf(group, 9);
  const late = await agentOf(group, 8);
  beating([agent, late], t);
  await group.until("it serves", () => one!.manager.member!.dispatcher.services !== undefined);
  await agent.start(one!.address);
  await Promise.all([leader.stop(), two!.stop()]);
  t.is(agent.ended, undefined, "not at once: a leader may be found");
  await group.until("it is sent away", () => agent.ended !== undefined);
  t.is(agent.ended?.code, status.UNAVAILABLE);
  const refusal = await t.throwsAsync(late.start(one!.address));
  t.like(refusal, { code: status.UNAVAILABLE });
});
