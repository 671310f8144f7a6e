import { Metadata, status } from "@grpc/grpc-js";
import test from "ava";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { NetworkSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeRole,
  RaftMemberStatus_Reachability as Reachability,
  TaskState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalManagerService } from "../../src/api/generated/tswarm/v1/manager.js";
import { losesQuorumText } from "../../src/manager/membership/leave-text.js";
import { NOBODY } from "../../src/raft/core/member-id.js";
import { ManagerGroup, type ManagerHost } from "./manager-group.js";
import { nodeId, processService } from "./test-cluster.js";

const create = async (host: ManagerHost, name: string, replicas = 0) =>
  (await host.call(ControlService.createService, { spec: processService(name, replicas) })).service!;

const names = async (host: ManagerHost, metadata?: Metadata) => {
  const { services } = await host.call(ControlService.listServices, { filters: undefined }, metadata);
  return services.map(({ spec }) => spec?.annotations?.name).sort();
};

const linearizable = () => {
  const metadata = new Metadata();
  metadata.set("tswarm-read", "linearizable");
  return metadata;
};

test("whichever manager is asked: it changes by the leader, and reads its own writes", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  await create(one!, "by-one");
  t.deepEqual(await names(one!), ["by-one"]);
  for (let i = 0; i < 20; i++) {
    await create(two!, `s${i}`);
    t.true((await names(two!)).includes(`s${i}`));
  }
  await create(one!, "last");
  t.true((await names(two!, linearizable())).includes("last"));
  const error = await t.throwsAsync(create(one!, "BY-ONE"));
  t.like(error, { code: status.ALREADY_EXISTS, details: "service BY-ONE already exists" });
  t.like(await t.throwsAsync(one!.call(ControlService.createService, { spec: undefined })), {
    code: status.INVALID_ARGUMENT,
  });
});

test("each manager's status is in the store: who leads, who can be reached", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  const [one, two] = await group.followers();
  const statusOf = (host: ManagerHost) => one!.node(host.nodeId)?.managerStatus;
  await group.until("all are reachable", () =>
    group.hosts.every((host) => statusOf(host)?.reachability === Reachability.REACHABLE),
  );
  t.deepEqual(
    group.hosts.filter((host) => statusOf(host)?.leader),
    [leader],
  );
  for (const host of group.hosts) {
    t.is(statusOf(host)?.addr, host.address);
    t.is(statusOf(host)?.raftId, host.manager.raft?.id);
    t.is(one!.node(host.nodeId)?.role, NodeRole.MANAGER);
  }
  await two!.stop();
  await group.until("one cannot be reached", () => statusOf(two!)?.reachability === Reachability.UNREACHABLE);
  await two!.start();
  await group.until("it can again", () => statusOf(two!)?.reachability === Reachability.REACHABLE);
});

test("the leader goes: another takes over, its loops run there, and agents are not disturbed", async (t) => {
  // Its agent sends no heartbeats.
  const group = await ManagerGroup.start(t, 3, { heartbeatPeriodMs: 3_600_000 });
  const [one, two] = await group.followers();
  const leader = await group.leader();
  const agent = await group.agent(9, one!);
  const web = await create(one!, "web", 3);
  const tasks = () => two!.manager.store.view((read) => read.find("task", "service", web.id));
  const running = () => tasks().filter((task) => task.status?.state === TaskState.RUNNING);
  await group.until("three run", () => running().length === 3);
  const before = running().map(({ id }) => id);
  t.deepEqual(
    (await managersTold(group, agent)).map(({ peer }) => peer?.nodeId),
    [nodeId(1), nodeId(2), nodeId(3)],
  );
  await leader.stop();
  const next = await group.leader();
  t.not(next, leader);
  t.deepEqual(
    running()
      .map(({ id }) => id)
      .sort(),
    [...before].sort(),
    "nothing was restarted",
  );
  await create(next === one ? two! : one!, "more", 2);
  await group.until("the new leader schedules", () => agent.tasks.size === 5);
  t.is(agent.ended, undefined, "the follower that it holds its session with has held it");
  const addresses = group.running[0]!.manager.store.view((read) => read.all("node")).flatMap(({ attachments }) =>
    attachments.flatMap((attachment) => attachment.addresses),
  );
  t.is(new Set(addresses).size, addresses.length, "no address twice");
  t.false(
    group.hosts.some(({ logged }) => logged.some((line) => /\n\s+at /.test(line))),
    "no stack in a log",
  );
});

test("what one leader gave out the next one gives to nobody else", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [first] = await group.followers();
  for (let number = 1; number <= 3; number++) await group.agent(number, first!);
  const spec = NetworkSpec.fromPartial({ annotations: { name: "shop" } });
  const { network } = await first!.call(ControlService.createNetwork, { spec });
  const web = (name: string) => {
    const endpoint = { ports: [{ targetPort: 80 }, { targetPort: 81 }] };
    return processService(name, 3, { task: { networks: [{ target: network!.id }] }, endpoint });
  };
  for (const name of ["a", "b", "c"]) await first!.call(ControlService.createService, { spec: web(name) });
  const allocated = (host: ManagerHost, count: number) =>
    host.manager.store.view(
      (read) =>
        read.all("service").every(({ endpoint }) => endpoint?.ports.every(({ publishedPort }) => publishedPort > 0)) &&
        read.all("task").filter(({ networks }) => networks.length === 2).length === count,
    );
  await group.until("all have their addresses", () => allocated(first!, 9));
  for (let round = 1; round <= 2; round++) {
    const leader = await group.leader();
    const [next] = await group.followers();
    await leader.call(LocalManagerService.transferLeadership, { nodeId: next!.nodeId });
    await group.until("it leads", () => next!.manager.isLeading);
    for (const name of ["x", "y"]) await first!.call(ControlService.createService, { spec: web(`${name}${round}`) });
    await group.until("the new ones have theirs", () => allocated(first!, 9 + 6 * round));
  }
  const { addresses, ports } = first!.manager.store.view((read) => ({
    addresses: [
      ...read.all("node").flatMap(({ attachments }) => attachments.flatMap((one) => one.addresses)),
      ...read.all("service").flatMap(({ endpoint }) => (endpoint?.virtualIps ?? []).map(({ addr }) => addr)),
      ...read.all("task").flatMap(({ networks }) => networks.flatMap((one) => one.addresses)),
    ],
    ports: read.all("service").flatMap(({ endpoint }) => (endpoint?.ports ?? []).map((port) => port.publishedPort)),
  }));
  t.is(ports.length, 14);
  t.is(new Set(ports).size, ports.length);
  t.is(addresses.length, 3 + 2 * 7 + 2 * 21);
  t.is(new Set(addresses).size, addresses.length);
});

async function managersTold(
  group: ManagerGroup,
  agent: { managers: readonly { peer: { nodeId: string } | undefined }[] },
) {
  await group.until("the agent knows all managers", () => agent.managers.length === 3);
  return agent.managers;
}

test("promoted, demoted, removed", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  const leader = await group.leader();
  const demote = (by: ManagerHost, host: ManagerHost) =>
    group.updateNode(by, host.nodeId, (spec) => ({ ...spec, desiredRole: NodeRole.WORKER }));
  const remove = (host: ManagerHost, force = false) =>
    one!.call(ControlService.removeNode, { nodeId: host.nodeId, force });
  t.like(await t.throwsAsync(remove(two!)), {
    code: status.FAILED_PRECONDITION,
    details: `node ${two!.nodeId} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
  });
  await demote(one!, two!);
  await group.until("it is told", () => two!.removed);
  await group.until("it is a worker", () => one!.node(two!.nodeId)?.role === NodeRole.WORKER);
  t.is(one!.node(two!.nodeId)?.managerStatus, undefined);
  t.is(leader.manager.raft!.members().length, 2);
  await two!.stop();
  // The leader itself: the other takes over and removes it.
  await demote(one!, leader);
  await group.until("the old leader is told", () => leader.removed);
  await group.until("it is a worker", () => one!.node(leader.nodeId)?.role === NodeRole.WORKER);
  t.is(await group.leader(), one!);
  t.like(await t.throwsAsync(demote(one!, one!)), { details: "attempting to demote the last manager of the swarm" });
  await remove(two!, true);
  t.is(one!.node(two!.nodeId), undefined);
  const fourth = group.add();
  await fourth.start(await group.joining(fourth));
  await group.until("it votes", () => one!.manager.raft!.members().filter(({ isVoter }) => isVoter).length === 2);
  t.is(one!.node(fourth.nodeId)?.spec?.desiredRole, NodeRole.MANAGER);
});

test("a manager that leaves by itself is a worker then", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  const [one] = await group.followers();
  await one!.call(LocalManagerService.leaveManagers, { force: false });
  await group.until("it is removed", () => one!.removed);
  await group.until("it is a worker", () => leader.node(one!.nodeId)?.role === NodeRole.WORKER);
  await one!.stop();
  await leader.call(LocalManagerService.leaveManagers, { force: false });
  t.true(leader.removed);
  await leader.stop();
  const last = await group.leader();
  t.like(await t.throwsAsync(last.call(LocalManagerService.leaveManagers, { force: true })), {
    code: status.FAILED_PRECONDITION,
  });
});

test("a manager without which those that are left would be no quorum stays, leader or not", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  const [one, two] = await group.followers();
  await two!.stop();
  await group.until("it is missed", () =>
    leader.manager.raft!.status().members.some(({ isReachable }) => !isReachable),
  );
  for (const host of [one!, leader]) {
    t.like(await t.throwsAsync(host.call(LocalManagerService.leaveManagers, { force: false })), {
      code: status.FAILED_PRECONDITION,
      details: losesQuorumText([{ isReachable: true }, { isReachable: true }, { isReachable: false }]),
    });
  }
  t.is(leader.manager.raft!.members().length, 3);
});

test("without a quorum: reads go on, changes say in one line what to do, and all is well once a manager is back", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  const leader = await group.leader();
  await create(one!, "before");
  await Promise.all([two!.stop(), leader.stop()]);
  await group.until("it knows of no leader", () => one!.manager.raft?.leadership.leader === NOBODY);
  const error = await t.throwsAsync<Error & { code: status; details: string }>(create(one!, "lost"));
  t.is(error?.code, status.UNAVAILABLE);
  t.regex(
    error!.details,
    /^The swarm does not have a leader\. It's possible that too few managers are online\. Make sure more than half of the managers are online\. Not heard of here: .*; 2 of 3 managers are needed\. Running tasks and networks go on; nothing can be changed until 2 managers are online: .* --force-new-cluster on one survivor\.$/,
  );
  t.deepEqual(await names(one!), ["before"]);
  await group.until("its quorum counts as lost", () => one!.manager.raft?.status().hasLostQuorum === true);
  t.is((await one!.call(LocalManagerService.status, {})).lostQuorum, true);
  t.like(await t.throwsAsync(one!.call(LocalManagerService.leaveManagers, { force: false })), {
    code: status.FAILED_PRECONDITION,
    details: losesQuorumText([{ isReachable: true }, { isReachable: false }, { isReachable: false }]),
  });
  await two!.start();
  await group.leader();
  await create(one!, "after");
  t.deepEqual(await names(two!, linearizable()), ["after", "before"]);
});

test("a cluster of one survivor, that others join", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  await create(one!, "kept");
  await Promise.all(group.hosts.map((host) => host.stop()));
  await one!.start({ forceNewCluster: true });
  await group.leader();
  t.deepEqual(await names(one!), ["kept"]);
  await create(one!, "new");
  t.is(one!.manager.raft!.members().length, 1);
  await group.until("the others are no managers to anybody", () => one!.node(two!.nodeId)?.managerStatus === undefined);
  const fourth = group.add();
  await fourth.start(await group.joining(fourth));
  await group.until("it has all", () => fourth.manager.store.view((read) => read.all("service").length === 2));
});

test("all managers stop and start again: nothing is lost", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one] = await group.followers();
  const made = await create(one!, "web", 2);
  await Promise.all(group.hosts.map((host) => host.stop()));
  await Promise.all(group.hosts.map((host) => host.start({ join: ["127.0.0.1:1"] })));
  await group.leader();
  const { service } = await one!.call(ControlService.getService, { serviceId: made.id, insertDefaults: false });
  t.is(service?.spec?.annotations?.name, "web");
  await create(one!, "more");
});

test("leadership is handed over on request", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  const [one] = await group.followers();
  const { leaderNodeId } = await leader.call(LocalManagerService.transferLeadership, { nodeId: one!.nodeId });
  t.is(leaderNodeId, one!.nodeId);
  await group.until("it leads", () => one!.manager.isLeading);
  t.like(await t.throwsAsync(leader.call(LocalManagerService.transferLeadership, { nodeId: "" })), {
    code: status.FAILED_PRECONDITION,
  });
  const { index } = await leader.call(LocalManagerService.takeSnapshot, {});
  t.true(index > 0);
});
