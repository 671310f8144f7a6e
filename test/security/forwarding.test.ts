/** Calls of nodes that a manager passes on to the one that leads: three ports for nodes, as three managers have them. */
import type { Client } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { openChannel } from "../../src/api/client-call.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { DispatcherService } from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthService } from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { CallProxy } from "../../src/api/proxy/call-proxy.js";
import { switchable } from "../../src/api/proxy/switchable.js";
import { forwardedCaller } from "../../src/manager/serving/forwarded-caller.js";
import { RemoteServer } from "../../src/manager/serving/remote-server.js";
import { type TlsIdentity, verifyingCredentials } from "../../src/security/tls/tls-identity.js";
import { CLUSTER } from "./authority.js";
import { RemoteBed } from "./remote-bed.js";

const WORKER = "worker".padEnd(25, "0");

/** Passes everything on to another port. @returns its own */
async function follower(t: ExecutionContext, bed: RemoteBed, identity: TlsIdentity, to: number): Promise<number> {
  const log = (line: string) => bed.logged.push(line);
  const client = openChannel(`dns:127.0.0.1:${to}`, identity.channelCredentials(), true);
  const proxy = new CallProxy({
    target: () => ({ client }),
    noTarget: () => "",
    caller: (context) => forwardedCaller(bed.callers, context),
    log,
  });
  const server = new RemoteServer({ identity, callers: bed.callers, log });
  for (const definition of [CAService, DispatcherService, HealthService]) {
    const service = switchable(definition, () => undefined, proxy);
    server.addService(service.definition, service.implementation);
  }
  t.teardown(async () => {
    client.close();
    await server.shutDown();
  });
  return server.listen("127.0.0.1:0");
}

async function startChain(t: ExecutionContext) {
  const leader = await RemoteBed.start(t);
  const near = await follower(t, leader, leader.authority.manager("near"), leader.port);
  const far = await follower(t, leader, leader.authority.manager("far"), near);
  const client = (port: number, identity?: TlsIdentity): Client => {
    const root = leader.authority.root.certificatePem;
    const one = openChannel(
      `dns:127.0.0.1:${port}`,
      identity?.channelCredentials() ?? verifyingCredentials(root),
      true,
    );
    t.teardown(() => one.close());
    return one;
  };
  return { leader, near, far, client };
}

test("the one that leads knows who called, from where, and who passed it on", async (t) => {
  const { leader, near, client } = await startChain(t);
  t.is(await leader.heartbeat(client(near, leader.authority.worker(WORKER))), "OK");
  const { caller } = leader.seen.pop()!;
  t.like(caller, { nodeId: WORKER, role: NodeRole.WORKER, organization: CLUSTER, forwardedBy: "near" });
  t.regex(caller!.peer, /^127\.0\.0\.1:\d+$/);
  t.is(await leader.health(client(near, leader.authority.manager("m3"))), "OK");
  t.like(leader.seen.pop()!.caller, { nodeId: "m3", role: NodeRole.MANAGER, forwardedBy: "near" });
});

test("whoever shows no certificate is nobody there too, and is known by where he is", async (t) => {
  const { leader, near, client } = await startChain(t);
  const nobody = client(near);
  t.is(await leader.call(nobody, CAService.getRootCaCertificate, {}), "OK");
  const { origin } = leader.seen.pop()!;
  t.is(origin.caller, undefined);
  t.regex(origin.peer, /^127\.0\.0\.1:\d+$/);
  t.is(await leader.heartbeat(nobody), "PERMISSION_DENIED: Permission denied: no client certificates in request");
  t.deepEqual(leader.seen, []);
});

test("a worker does not become a manager by way of one", async (t) => {
  const { leader, near, client } = await startChain(t);
  t.regex(await leader.health(client(near, leader.authority.worker(WORKER))), /not part of OUs: \[swarm-manager\]$/);
  leader.managers.set("m3", false);
  t.regex(await leader.health(client(near, leader.authority.manager("m3"))), /not part of OUs: \[swarm-manager\]$/);
  t.deepEqual(leader.seen, []);
});

test("a call is passed on once", async (t) => {
  const { leader, far, client } = await startChain(t);
  const outcome = await leader.heartbeat(client(far, leader.authority.worker(WORKER)));
  t.regex(outcome, /^RESOURCE_EXHAUSTED: more than one redirect to leader from: \[127\.0\.0\.1:\d+\]$/);
  t.deepEqual(leader.seen, []);
});
