import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { Secret } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeRole,
  NodeStatus_State as NodeState,
  TaskState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { Any } from "../../../src/api/generated/google/protobuf/any.js";
import { ProcessSpec } from "../../../src/api/generated/tswarm/v1/process.js";
import { admit, agentIdentity } from "../admitted-nodes.js";
import { nodeId, processService, TestCluster } from "../test-cluster.js";
import { StallingDisk } from "./stalling-disk.js";
import { StreamAgent } from "./stream-agent.js";

async function join(t: ExecutionContext, cluster: TestCluster, number: number): Promise<StreamAgent> {
  const { store, remotePort } = cluster.manager;
  await admit(store, nodeId(number), NodeRole.WORKER);
  const agent = new StreamAgent(nodeId(number), agentIdentity(store, nodeId(number)).channelCredentials());
  t.teardown(() => agent.stop());
  await agent.start(`127.0.0.1:${remotePort}`);
  return agent;
}

const stateOf = (cluster: TestCluster, number: number) =>
  cluster.manager.store.view((read) => read.get("node", nodeId(number))?.status?.state);

test("one stream does all: registration, heartbeats, assignments, statuses, refusals", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const agent = await join(t, cluster, 2);
  t.is(stateOf(cluster, 2), NodeState.READY);
  agent.beat();
  await cluster.until("the period is told", () => agent.periods.length === 1);
  t.true(agent.periods[0]! >= 4 && agent.periods[0]! <= 5);
  const web = await cluster.createService(processService("web", 4));
  await cluster.untilRunning(web.id, 4);
  agent.report("0".repeat(25), TaskState.RUNNING);
  const other = await join(t, cluster, 3);
  const [task] = cluster.tasks(web.id);
  other.report(task!.id, TaskState.FAILED);
  await cluster.until("it is refused", () => other.refused.length === 1);
  t.is(other.ended, undefined, "which ends nothing");
  t.is(cluster.running(web.id).length, 4);
  await cluster.call(ControlService.removeService, { serviceId: web.id });
  await cluster.until("nothing is left", () => agent.tasks.size === 0 && cluster.tasks(web.id).length === 0);
});

test("heartbeats keep a node alive and are answered when the period changes; silence ends the session", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const agent = await join(t, cluster, 2);
  const heard = async (beats: number) => {
    for (let i = 0; i < beats; i++) {
      agent.beat();
      // Behind the heartbeat on the same stream.
      const taken = agent.taken;
      agent.report("0".repeat(25), TaskState.RUNNING);
      await cluster.until("it is heard", () => agent.taken > taken);
      cluster.clock.advance(5000);
    }
  };
  await heard(6);
  t.is(stateOf(cluster, 2), NodeState.READY);
  t.is(agent.periods.length, 1);
  const [known] = (await cluster.call(ControlService.listClusters, { filters: undefined })).clusters;
  const dispatcher = { heartbeatPeriod: { seconds: 20, nanos: 0 } };
  await cluster.call(ControlService.updateCluster, {
    clusterId: known!.id,
    clusterVersion: known!.meta?.version,
    spec: { ...known!.spec!, dispatcher },
    rotation: undefined,
  });
  await heard(1);
  t.is(agent.periods.length, 2);
  t.true(agent.periods[1]! >= 18 && agent.periods[1]! <= 22);
  cluster.clock.advance(60_000);
  await cluster.until("its session has ended", () => agent.ended !== undefined);
  t.is(agent.ended?.code, status.NOT_FOUND);
  await cluster.until("it is down", () => stateOf(cluster, 2) === NodeState.DOWN);
});

test("assignments can be asked for anew on the same stream: all of them, then a new chain", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const agent = await join(t, cluster, 2);
  const web = await cluster.createService(processService("web", 2));
  await cluster.untilRunning(web.id, 2);
  const before = agent.messages.length;
  agent.say({ $case: "assignments", value: {} });
  await cluster.until("they are told anew", () => agent.messages.length > before);
  const again = agent.messages[before]!;
  t.is(again.type, 0);
  t.is(again.appliesTo, "");
  t.is(again.changes.length, 2);
  await cluster.updateService(web.id, (spec) => ({ ...spec, mode: { $case: "replicated", value: { replicas: 3 } } }));
  await cluster.untilRunning(web.id, 3);
  t.is(agent.messages[before + 1]?.appliesTo, again.resultsIn);
});

test("who does not keep to the protocol is told so and let go", async (t) => {
  const disk = new StallingDisk();
  const cluster = await TestCluster.start(t, 0, { disk });
  const flooding = await join(t, cluster, 2);
  const web = await cluster.createService(processService("web", 1));
  const [task] = await cluster.untilRunning(web.id, 1);
  await cluster.until("its report is written", () => flooding.taken === 1);
  const goOn = disk.stall();
  for (const state of [TaskState.COMPLETE, TaskState.FAILED]) flooding.report(task!.id, state);
  await cluster.until("it is let go", () => flooding.ended !== undefined);
  goOn();
  t.is(flooding.ended?.code, status.RESOURCE_EXHAUSTED);
  const twice = await join(t, cluster, 3);
  twice.say({ $case: "begin", value: { sessionId: "", description: undefined } });
  await cluster.until("it is let go", () => twice.ended !== undefined);
  t.is(twice.ended?.code, status.INVALID_ARGUMENT);
  t.deepEqual(
    cluster.logged.filter((line) => /\n\s+at /.test(line)),
    [],
  );
});

test("secrets are where a task that needs them is, and nowhere else, and not longer", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const agents = [await join(t, cluster, 2), await join(t, cluster, 3)];
  const id = "s".repeat(25);
  await cluster.manager.store.update((tx) =>
    tx.create("secret", Secret.fromPartial({ id, spec: { annotations: { name: "key" }, data: Buffer.from("hush") } })),
  );
  const file = { name: "key", uid: "0", gid: "0", mode: 0o444 };
  const secrets = [{ secretId: id, secretName: "key", target: { $case: "file" as const, value: file } }];
  const value = ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["/bin/true"], secrets })).finish() as Buffer;
  const payload = Any.fromPartial({ typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec", value });
  const runtime = { $case: "generic" as const, value: { kind: "process", payload } };
  const spec = processService("web", 1);
  const web = await cluster.createService({ ...spec, task: { ...spec.task!, runtime } });
  const [task] = await cluster.untilRunning(web.id, 1);
  const owner = agents.find((agent) => agent.tasks.has(task!.id))!;
  const other = agents.find((agent) => agent !== owner)!;
  t.is(Buffer.from(owner.secrets.get(id) ?? []).toString(), "hush");
  t.is(other.secrets.size, 0);
  await cluster.call(ControlService.removeService, { serviceId: web.id });
  await cluster.until("it is taken back", () => owner.secrets.size === 0);
});
