import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { LogStream } from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NOTICES } from "../../../src/api/logs/notice.js";
import { tailOf } from "../../../src/api/logs/tail.js";
import { agentIdentity } from "../admitted-nodes.js";
import { nodeId, processService, TestCluster } from "../test-cluster.js";
import { LogAgent, line } from "./log-agent.js";
import { Reading } from "./reading.js";

const BOTH_AND_NOTICES = [NOTICES, LogStream.LOG_STREAM_STDOUT, LogStream.LOG_STREAM_STDERR];

interface Bed {
  readonly cluster: TestCluster;
  readonly serviceId: string;
  /** By node, 2 and 3. */
  readonly tasks: ReadonlyMap<string, Task>;
  readonly agents: readonly [LogAgent, LogAgent];
  readonly [task: number]: Task;
}

const listener = (t: ExecutionContext, cluster: TestCluster, number: number) => {
  const { store, remotePort } = cluster.manager;
  const credentials = agentIdentity(store, nodeId(number)).channelCredentials();
  const agent = new LogAgent(`127.0.0.1:${remotePort}`, credentials);
  t.teardown(() => agent.stop());
  return agent;
};

/** A service with one task on each of two nodes, both of which listen. */
async function bed(t: ExecutionContext): Promise<Bed> {
  const cluster = await TestCluster.start(t, 3);
  const spec = processService("web", 2, {
    task: { placement: { maxReplicas: 1, constraints: ["node.role==worker"] } },
  });
  const { id } = await cluster.createService(spec);
  await cluster.untilRunning(id, 2);
  const tasks = new Map(cluster.tasks(id).map((task) => [task.nodeId, task]));
  const agents = [listener(t, cluster, 2).listen(), listener(t, cluster, 3).listen()] as const;
  const found = { 2: tasks.get(nodeId(2))!, 3: tasks.get(nodeId(3))! };
  return { cluster, serviceId: id, tasks, agents, ...found };
}

function read(t: ExecutionContext, { cluster, serviceId }: Bed, options = {}, selector = {}): Reading {
  const reading = new Reading(cluster.client, { selector: { serviceIds: [serviceId], ...selector }, options });
  t.teardown(() => reading.call.cancel());
  return reading;
}

const stateOf = (cluster: TestCluster, number: number) =>
  cluster.manager.store.view((read) => read.get("node", nodeId(number))?.status?.state);

/** Its session ends, and it does not come back in time. */
async function goesDown(cluster: TestCluster, number: number): Promise<void> {
  await cluster.until("it is ready", () => stateOf(cluster, number) === NodeState.READY);
  cluster.agents[number - 1]!.stop();
  const others = cluster.agents.filter((_agent, at) => at !== number - 1);
  for (let i = 0; i < 20 && stateOf(cluster, number) !== NodeState.DOWN; i++) await cluster.pass(5000, others);
}

const bothAsked = ({ cluster, agents }: Bed) =>
  cluster.until("both nodes are asked", () => agents.every((agent) => agent.open.length === 1));

test("lines of all nodes come in the order of their times, and the stream ends well when all have sent theirs", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  const reading = read(t, world, { tail: tailOf(5), streams: [LogStream.LOG_STREAM_STDERR] });
  await bothAsked(world);
  const [asked] = agents[0].open;
  t.like(asked, { options: { follow: false, tail: -6, streams: [LogStream.LOG_STREAM_STDERR] } });
  const [one, two] = [agents[0].publish(), agents[1].publish()];
  one.send(line(world[2]!, 1, "a"), line(world[2]!, 4, "d"));
  one.send(line(world[2]!, 5, "e"));
  one.close();
  two.send(line(world[3]!, 2, "b"), line(world[3]!, 3, "c"));
  two.send(line(world[3]!, 6, "f"));
  two.close();
  await cluster.until("it ends", () => reading.isOver);
  t.is(reading.error, undefined);
  t.is(reading.lines.join(""), "abcdef", "nothing went out before the other node's older lines");
  t.is(await one.ended, undefined);
});

test("a node speaks for itself, for its own tasks, and where it was asked", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  read(t, world, { follow: true });
  await bothAsked(world);
  const ended = async (send: (publishing: ReturnType<LogAgent["publish"]>) => void, id?: string) => {
    const publishing = agents[0].publish(id);
    send(publishing);
    const error = await publishing.ended;
    return `${status[error?.code ?? 0]} ${error?.details}`;
  };
  t.regex(await ended((to) => to.send(line(world[3]!, 1, "x"))), /^PERMISSION_DENIED invalid NodeID: expected=node2/);
  const stolen = { ...world[3]!, nodeId: nodeId(2) };
  t.regex(await ended((to) => to.send(line(stolen, 1, "x"))), /^PERMISSION_DENIED task \w+ is not one that node node2/);
  t.regex(await ended((to) => to.send(line(world[2]!, 1, "x")), "nosuch"), /^NOT_FOUND unknown subscription/);
  t.regex(await ended((to) => to.send(line(world[2]!, 1, "x")), ""), /^INVALID_ARGUMENT missing subscription/);
  t.regex(await ended((to) => to.send(line(world[2]!, 1, "x".repeat(65_537)))), /^INVALID_ARGUMENT a line is longer/);
  const large = Array.from({ length: 17 }, () => line(world[2]!, 1, "x".repeat(64_000)));
  t.regex(await ended((to) => to.send(...large)), /^INVALID_ARGUMENT more than 1048576 bytes of lines come at once/);
  const stranger = listener(t, cluster, 2);
  const other = read(t, world, {}, { serviceIds: [], nodeIds: [nodeId(3)] });
  await cluster.until("node 3 alone is asked", () => agents[1].open.length === 2);
  const uninvited = stranger.publish(agents[1].open.at(-1)!.id);
  uninvited.send(line(world[2]!, 1, "x"));
  t.regex((await uninvited.ended)!.details, /was not asked/);
  other.call.cancel();
});

test("a reader may not ask for nothing", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const reading = new Reading(cluster.client, { selector: {} });
  await cluster.until("it is refused", () => reading.isOver);
  t.is(reading.error?.code, status.INVALID_ARGUMENT);
});

test("a node that is down is named, with the tasks whose logs are missing; the others' come all the same", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  await goesDown(cluster, 3);
  agents[1].stop();
  const reading = read(t, world, { streams: BOTH_AND_NOTICES });
  await cluster.until("the node is asked", () => agents[0].open.length === 1);
  const publishing = agents[0].publish();
  publishing.send(line(world[2]!, 1, "here"));
  publishing.close();
  await cluster.until("it ends", () => reading.isOver);
  t.deepEqual(reading.lines, ["here"]);
  const slot = world[3]!.slot;
  t.is(reading.error?.code, status.UNKNOWN);
  t.regex(
    reading.error!.details,
    new RegExp(
      `^warning: incomplete log stream\\. some logs could not be retrieved for the following reasons: node host3 \\(node3\\w+\\) is not available: it is down: logs of web\\.${slot} are missing(, task web.+ has not been scheduled)?$`,
    ),
  );
  t.regex(reading.notices.join(), /host3 .*is down/, "who asks for notices hears of it at once");
});

test("a node that does not listen, or does not answer, is named after a while", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  agents[1].deafen();
  const reading = read(t, world);
  await cluster.until("the node is asked", () => agents[0].open.length >= 1);
  for (let i = 0; i < 48 && !reading.isOver; i++) {
    await cluster.pass(250);
  }
  await cluster.until("it ends", () => reading.isOver);
  t.regex(reading.error!.details, /host2 .* has not answered for 10 seconds: logs of web\.\d are missing/);
  t.regex(reading.error!.details, /host3 .* its agent takes no log subscriptions/);
});

test("a task that no node has is named", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const { id } = await cluster.createService(
    processService("far", 1, { task: { placement: { constraints: ["node.labels.moon==yes"] } } }),
  );
  await cluster.until("the task is there", () => cluster.tasks(id).length === 1);
  const reading = new Reading(cluster.client, { selector: { serviceIds: [id] } });
  await cluster.until("it ends", () => reading.isOver);
  t.regex(reading.error!.details, /task far\.1 \(\w+\) has not been scheduled$/);
});

test("a node that breaks off is asked again from where it was, and nothing comes twice", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  const reading = read(t, world, { tail: tailOf(3), streams: BOTH_AND_NOTICES });
  await bothAsked(world);
  const other = agents[1].publish();
  other.close();
  const first = agents[0].publish();
  first.send(line(world[2]!, 100, "a"), line(world[2]!, 100, "b"));
  await cluster.until("two lines are there", () => reading.lines.length === 2);
  first.cut();
  await cluster.until("it is asked again", () => agents[0].heard.length === 2);
  t.like(agents[0].heard[1], { id: agents[0].heard[0]!.id, options: { tail: 0, since: { seconds: 95, nanos: 0 } } });
  const second = agents[0].publish();
  second.send(line(world[2]!, 99, "old"), line(world[2]!, 100, "a"), line(world[2]!, 100, "b"));
  second.send(line(world[2]!, 100, "c"), line(world[2]!, 101, "d"));
  second.close();
  await cluster.until("it ends", () => reading.isOver);
  t.is(reading.error, undefined);
  t.is(reading.lines.join(""), "abcd");
});

test("who follows hears of new tasks on further nodes, of a node that goes and comes back, and ends it by going", async (t) => {
  const world = await bed(t);
  const { agents, cluster, serviceId } = world;
  const third = listener(t, cluster, 1).listen();
  const reading = read(t, world, { follow: true, streams: BOTH_AND_NOTICES });
  await bothAsked(world);
  const one = agents[0].publish();
  one.send(line(world[2]!, 1, "a"));
  one.rest();
  const two = agents[1].publish();
  two.send(line(world[3]!, 2, "b"));
  two.rest();
  await cluster.until("two lines are there", () => reading.lines.length === 2);
  one.send(line(world[2]!, 3, "c"));
  await cluster.until("the third too: who rests holds up nobody", () => reading.lines.length === 3);
  one.rest();

  await cluster.updateService(serviceId, (spec) => ({
    ...spec,
    mode: { $case: "replicated", value: { replicas: 3 } },
    task: { ...spec.task!, placement: { ...spec.task!.placement!, constraints: [] } },
  }));
  await cluster.untilRunning(serviceId, 3);
  await cluster.until("the further node is asked", () => third.open.length === 1);
  const added = cluster.tasks(serviceId).find((task) => task.nodeId === nodeId(1))!;
  const three = third.publish();
  three.send(line(added, 9, "new"));
  three.rest();
  await cluster.until("its line is there", () => reading.lines.includes("new"));

  third.deafen();
  await goesDown(cluster, 1);
  await cluster.until("it is told", () => reading.notices.some((text) => /host1 .* went down: logs of web/.test(text)));
  third.listen();
  await cluster.until("it is asked again", () => third.heard.filter(({ close }) => !close).length === 2);
  t.regex(reading.notices.at(-1)!, /host1 .* is back/);

  reading.call.cancel();
  await cluster.until("the nodes are told to stop", () => agents.every((agent) => agent.open.length === 0));
  t.regex((await two.ended)!.details, /has ended/);
});

test("nodes that never say that they have nothing, as Docker's, hold up others only once", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  const reading = read(t, world, { follow: true });
  await bothAsked(world);
  const [one, two] = [agents[0].publish(), agents[1].publish()];
  one.send(line(world[2]!, 5, "a"));
  two.send(line(world[3]!, 6, "b"));
  await cluster.until("the first", () => reading.lines.length === 1);
  for (let i = 0; i < 6; i++) await cluster.pass(250);
  await cluster.until("the first node is not waited for any more", () => reading.lines.length === 2);
  // Nor is the second, after as long.
  for (let i = 0; i < 6; i++) await cluster.pass(250);
  for (let number = 0; number < 5; number++) {
    one.send(line(world[2]!, 7 + number, `${number}`));
    await cluster.until("it comes without the other", () => reading.lines.length === 3 + number);
  }
  t.is(reading.lines.join(""), "ab01234");
});

test("a reader that does not read holds up the publishers, and loses nothing", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  const reading = read(t, world, {}, { serviceIds: [], taskIds: [world[2]!.id] });
  reading.call.pause();
  await cluster.until("the node is asked", () => agents[0].open.length === 1);
  const publishing = agents[0].publish();
  const text = "x".repeat(16_000);
  const total = 5000;
  let sent = 0;
  const all = (async () => {
    for (; sent < total; sent++) await publishing.sendInTurn(line(world[2]!, sent, `${sent} ${text}`));
    publishing.close();
  })();
  let before = -1;
  let steady = 0;
  await cluster.until("the publisher is held up", () => {
    steady = sent === before ? steady + 1 : 0;
    before = sent;
    return steady > 100;
  });
  t.true(sent < total, "80 MB are more than sockets and the broker hold");
  reading.call.resume();
  await all;
  await cluster.until("it ends", () => reading.isOver);
  t.is(reading.error, undefined);
  t.deepEqual(
    reading.lines.map((one) => Number(one.split(" ")[0])),
    Array.from({ length: total }, (_, at) => at),
  );
});

test("following one task ends with the task", async (t) => {
  const world = await bed(t);
  const { agents, cluster } = world;
  const reading = read(t, world, { follow: true }, { serviceIds: [], taskIds: [world[2]!.id] });
  await cluster.until("the node is asked", () => agents[0].open.length === 1);
  const publishing = agents[0].publish();
  publishing.send(line(world[2]!, 1, "last words"));
  await cluster.agents[1]!.report(world[2]!.id, TaskState.COMPLETE);
  publishing.close();
  await cluster.until("it ends", () => reading.isOver);
  t.is(reading.error, undefined);
  t.deepEqual(reading.lines, ["last words"]);
});
