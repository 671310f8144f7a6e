import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { openChannel } from "../../../src/api/client-call.js";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { grpcTarget, trustingCredentials } from "../../../src/security/transport.js";
import { agentIdentity } from "../admitted-nodes.js";
import { ManagerGroup, type ManagerHost } from "../manager-group.js";
import { nodeId, processService } from "../test-cluster.js";
import { LogAgent, line } from "./log-agent.js";
import { Reading } from "./reading.js";

function reader(t: ExecutionContext, host: ManagerHost, serviceId: string): Reading {
  const client = openChannel(grpcTarget(host.socket), trustingCredentials(), true);
  t.teardown(() => client.close());
  return new Reading(client, { selector: { serviceIds: [serviceId] }, options: { follow: true } });
}

test("readers and nodes meet at the leader, whichever managers they have come to; when it goes all are told to come anew", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const leader = await group.leader();
  const [one, other] = await group.followers();
  await group.agent(9, leader);
  const { service } = await leader.call(ControlService.createService, {
    spec: processService("web", 1, { task: { placement: { constraints: [`node.id==${nodeId(9)}`] } } }),
  });
  const tasks = () => leader.manager.store.view((read) => read.find("task", "service", service!.id));
  await group.until("the task runs", () => tasks()[0]?.status?.state === TaskState.RUNNING);
  const [task] = tasks();

  const { store } = leader.manager;
  const agent = new LogAgent(one!.address, agentIdentity(store, nodeId(9)).channelCredentials()).listen();
  t.teardown(() => agent.stop());
  const reading = reader(t, other!, service!.id);
  await group.until("the node is asked", () => agent.open.length === 1);
  const publishing = agent.publish();
  publishing.send(line(task!, 1, "far"));
  publishing.rest();
  await group.until("the line is there", () => reading.lines.length === 1);
  t.deepEqual(reading.lines, ["far"]);

  const forged = agent.publish();
  forged.send(line({ ...task!, nodeId: nodeId(1) }, 2, "forged"));
  t.is((await forged.ended)?.code, status.PERMISSION_DENIED, "a follower vouches for who it is, not for what is said");

  await leader.stop();
  await group.until("the reader hears of it", () => reading.isOver);
  t.is(reading.error?.code, status.UNAVAILABLE);
  await group.until("so does the node", () => agent.ended !== undefined);
  t.is(agent.ended?.code, status.UNAVAILABLE);
});

test("a worker cannot read logs, and nobody without a certificate can listen for them", async (t) => {
  const group = await ManagerGroup.start(t, 1);
  const leader = await group.leader();
  await group.agent(9, leader);
  const { store } = leader.manager;
  const asWorker = openChannel(grpcTarget(leader.address), agentIdentity(store, nodeId(9)).channelCredentials(), true);
  t.teardown(() => asWorker.close());
  const reading = new Reading(asWorker, { selector: { nodeIds: [nodeId(9)] } });
  await group.until("it is refused", () => reading.isOver);
  t.is(reading.error?.code, status.PERMISSION_DENIED);
  const nobody = new LogAgent(leader.address, trustingCredentials()).listen();
  t.teardown(() => nobody.stop());
  await group.until("it is refused", () => nobody.ended !== undefined);
  t.is(nobody.ended?.code, status.PERMISSION_DENIED);
});
