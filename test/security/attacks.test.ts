/** What an attacker on the network, with a worker, or with a manager that was one, tries at the port for nodes. */
import { Metadata } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { AUTHORIZATION_RULES } from "../../src/api/generated/authorization-rules.js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { DispatcherService } from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthService } from "../../src/api/generated/docker/swarmkit/v1/health.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { AllowedRoles } from "../../src/api/generated/tswarm/v1/authorization.js";
import { LocalManagerService } from "../../src/api/generated/tswarm/v1/manager.js";
import type { RemoteServerOptions } from "../../src/manager/serving/remote-server.js";
import { TlsIdentity, verifyingCredentials } from "../../src/security/tls/tls-identity.js";
import { trustingCredentials } from "../../src/security/transport.js";
import { Authority, CLUSTER } from "./authority.js";
import { MANAGER, RemoteBed } from "./remote-bed.js";

const WORKER = "worker".padEnd(25, "0");
const HOUR_MS = 3_600_000;
const NOT_MANAGERS =
  "PERMISSION_DENIED: Permission denied: unauthorized peer role: Permission denied: remote certificate not part of OUs: [swarm-manager]";
const NO_CERTIFICATE = "PERMISSION_DENIED: Permission denied: no client certificates in request";

/** Nothing that the attack called was served, and whoever may come is served afterwards. */
function attack(
  title: string,
  run: (t: ExecutionContext, bed: RemoteBed) => Promise<void>,
  options: Partial<RemoteServerOptions> = {},
): void {
  test(title, async (t) => {
    const bed = await RemoteBed.start(t, options);
    await run(t, bed);
    t.deepEqual(bed.seen, [], "no handler was reached");
    const good = bed.client(bed.authority.manager("good").channelCredentials());
    t.is(await bed.health(good), "OK");
    t.is(bed.seen.pop()!.caller!.nodeId, "good");
  });
}

/** Every RPC behind the port that has this rule, called with nothing in it. */
async function callAll(bed: RemoteBed, rule: AllowedRoles, identity: TlsIdentity | undefined): Promise<Set<string>> {
  const root = bed.authority.root.certificatePem;
  const client = bed.client(identity?.channelCredentials() ?? verifyingCredentials(root));
  const outcomes = new Set<string>();
  for (const definition of [CAService, HealthService, DispatcherService, LocalManagerService]) {
    for (const { path } of Object.values(definition)) {
      if (AUTHORIZATION_RULES[path] === rule) outcomes.add(await bed.callRaw(client, path, Buffer.alloc(0)));
    }
  }
  return outcomes;
}

attack("without a certificate: no RPC of nodes or managers, unary or stream", async (t, bed) => {
  for (const rule of [AllowedRoles.MANAGER_ONLY, AllowedRoles.WORKER_OR_MANAGER]) {
    t.deepEqual([...(await callAll(bed, rule, undefined))], [NO_CERTIFICATE]);
  }
});

attack("with a worker's certificate: no RPC of managers", async (t, bed) => {
  t.deepEqual([...(await callAll(bed, AllowedRoles.MANAGER_ONLY, bed.authority.worker(WORKER)))], [NOT_MANAGERS]);
});

attack("what is served on the host's own socket is for nobody on the network, managers included", async (t, bed) => {
  const outcomes = [...(await callAll(bed, AllowedRoles.LOCAL, bed.authority.manager("m2")))];
  t.true(outcomes.length >= 5);
  for (const outcome of outcomes) {
    t.regex(outcome, /^PERMISSION_DENIED: .* is served on this host's own socket alone$/);
  }
});

attack(
  "a removed node is refused everywhere, with either certificate, and where none is needed too",
  async (t, bed) => {
    bed.removed.add(WORKER);
    const refusal = `PERMISSION_DENIED: Permission denied: node ${WORKER} was removed from swarm`;
    for (const identity of [bed.authority.worker(WORKER), bed.authority.manager(WORKER)]) {
      const client = bed.client(identity.channelCredentials());
      t.is(await bed.heartbeat(client), refusal);
      t.is(await bed.health(client), refusal);
      t.is(await bed.call(client, CAService.getRootCaCertificate, {}), refusal);
    }
  },
);

attack("a node of another cluster is refused, even when the same root has signed its certificate", async (t, bed) => {
  const other = new Authority("other".padEnd(25, "0"), bed.authority.root);
  const refusal = `PERMISSION_DENIED: Permission denied: remote certificate not part of organization: ${CLUSTER}`;
  for (const certificate of [other.certificate("m2", NodeRole.MANAGER), other.certificate(WORKER, NodeRole.WORKER)]) {
    // It does not care who answers, as the others would.
    const client = bed.client(new TlsIdentity(certificate).channelCredentials());
    t.regex(await bed.heartbeat(client), /belongs to the cluster/);
    t.is(await bed.heartbeat(bed.clientWith(certificate)), refusal);
    t.is(await bed.health(bed.clientWith(certificate)), refusal);
  }
});

attack("a manager that was demoted is a worker at once, though its certificate says another thing", async (t, bed) => {
  bed.managers.set("m2", false);
  const client = bed.client(bed.authority.manager("m2").channelCredentials());
  t.is(await bed.health(client), NOT_MANAGERS);
  t.is(await bed.call(client, CAService.getUnlockKey, {}), NOT_MANAGERS);
  const forwarded = forwardedAs("m3", "swarm-manager");
  t.regex(await bed.health(client, forwarded), /^PERMISSION_DENIED: .*unauthorized forwarder role/);
  t.is(await bed.heartbeat(client), "OK");
  t.like(bed.seen.pop()!.caller, { nodeId: "m2", role: NodeRole.WORKER });
});

function forwardedAs(nodeId: string, unit: string, organization = CLUSTER): Metadata {
  const metadata = new Metadata();
  metadata.set("forwarded_cert", "true");
  metadata.set("forwarded_cert_cn", nodeId);
  metadata.set("forwarded_cert_ou", unit);
  metadata.set("forwarded_cert_org", organization);
  metadata.set("remote_addr", "10.9.9.9:1");
  return metadata;
}

attack("forged forwarding: a worker, and whoever shows no certificate, speak for nobody", async (t, bed) => {
  const worker = bed.client(bed.authority.worker(WORKER).channelCredentials());
  const nobody = bed.client(verifyingCredentials(bed.authority.root.certificatePem));
  const empty = new Metadata();
  empty.set("forwarded_cert", "");
  for (const client of [worker, nobody]) {
    for (const metadata of [forwardedAs(MANAGER, "swarm-manager"), forwardedAs("", ""), empty]) {
      const refused = /^PERMISSION_DENIED: Permission denied: unauthorized forwarder role/;
      t.regex(await bed.health(client, metadata), refused);
      t.regex(await bed.heartbeat(client, metadata), refused);
      t.regex(await bed.call(client, CAService.getRootCaCertificate, {}, metadata), refused);
    }
  }
});

attack("what a manager forwards counts for no more than the one it names", async (t, bed) => {
  const client = bed.client(bed.authority.manager("m2").channelCredentials());
  bed.removed.add("gone");
  for (const [metadata, refusal] of [
    [forwardedAs(WORKER, "swarm-worker"), /unauthorized forwarded role, expecting: \[swarm-manager\]$/],
    [forwardedAs("gone", "swarm-manager"), /node gone was removed from swarm$/],
    [forwardedAs("m3", "swarm-manager", "other"), /not part of organization/],
    [forwardedAs("m3", "root"), /not part of OUs/],
    [forwardedAs("m3", ""), /missing information in forwarded request$/],
    [forwardedAs("", ""), /no client certificates in request$/],
  ] as const) {
    t.regex(await bed.health(client, metadata), refusal);
  }
  t.is(await bed.heartbeat(client, forwardedAs(WORKER, "swarm-worker")), "OK");
  t.deepEqual(bed.seen.pop()!.caller, {
    nodeId: WORKER,
    role: NodeRole.WORKER,
    organization: CLUSTER,
    peer: "10.9.9.9:1",
    forwardedBy: "m2",
  });
});

attack("a certificate of a foreign root ends the handshake; it does not count as none", async (t, bed) => {
  const foreign = new Authority();
  for (const role of [NodeRole.MANAGER, NodeRole.WORKER] as const) {
    const client = bed.clientWith(foreign.certificate(MANAGER, role));
    t.regex(await bed.call(client, CAService.getRootCaCertificate, {}), /^UNAVAILABLE/);
  }
  t.true(bed.server.counts.refused.certificate! >= 2);
});

attack("a certificate that has expired, or is not valid yet, ends the handshake", async (t, bed) => {
  const now = Date.now();
  for (const validity of [
    { fromMs: now - 48 * HOUR_MS, untilMs: now - HOUR_MS },
    { fromMs: now + HOUR_MS, untilMs: now + 48 * HOUR_MS },
  ]) {
    const certificate = bed.authority.certificate(MANAGER, NodeRole.MANAGER, validity);
    t.regex(await bed.health(bed.clientWith(certificate)), /^UNAVAILABLE/);
  }
  t.true(bed.server.counts.refused.certificate! >= 2);
});

attack("a worker's certificate signs nobody's: a manager's made with its key ends the handshake", async (t, bed) => {
  const worker = bed.authority.certificate(WORKER, NodeRole.WORKER);
  const usurped = new Authority(CLUSTER, worker).certificate("m2", NodeRole.MANAGER);
  const certificatePem = usurped.certificatePem + worker.certificatePem;
  const client = bed.clientWith({ ...usurped, certificatePem });
  t.regex(await bed.health(client), /^UNAVAILABLE/);
  t.true(bed.server.counts.refused.certificate! >= 1);
});

test("a fake manager: nodes do not talk to one with a root of its own, a worker, or a manager of another cluster", async (t) => {
  const real = new Authority();
  const strangers = new Authority(CLUSTER);
  const sibling = new Authority("other".padEnd(25, "0"), real.root);
  for (const [identity, problem] of [
    [strangers.manager(MANAGER), /self-signed certificate|unable to (get|verify)/],
    [real.worker(WORKER), /Host: swarm-manager. is not in the cert's altnames/],
    [sibling.manager(MANAGER), /belongs to the cluster other0+, this node to cluster0+/],
    [
      new TlsIdentity(real.certificate(MANAGER, NodeRole.MANAGER, { untilMs: Date.now() - 1000 })),
      /certificate has expired/,
    ],
  ] as const) {
    const bed = await RemoteBed.start(t, { identity });
    const client = bed.client(real.worker(WORKER).channelCredentials());
    t.regex(await bed.heartbeat(client), problem);
    t.deepEqual(bed.seen, []);
  }
  const bed = await RemoteBed.start(t, { identity: strangers.manager(MANAGER) });
  const joining = bed.client(verifyingCredentials(real.root.certificatePem));
  t.regex(await bed.call(joining, CAService.getRootCaCertificate, {}), /^UNAVAILABLE: .*certificate/);
  t.is(await bed.call(bed.client(trustingCredentials()), CAService.getRootCaCertificate, {}), "OK");
});

test("the connections of a node that is removed end at once, with what goes on over them", async (t) => {
  const bed = await RemoteBed.start(t);
  const client = bed.client(bed.authority.worker(WORKER).channelCredentials());
  const other = bed.client(bed.authority.worker("other").channelCredentials());
  const stream = client.makeServerStreamRequest(
    DispatcherService.session.path,
    DispatcherService.session.requestSerialize,
    DispatcherService.session.responseDeserialize,
    { description: undefined, sessionId: "" },
  );
  const ended = new Promise<{ code: number }>((resolve) => stream.on("status", resolve));
  stream.on("error", () => stream.resume());
  await new Promise((resolve) => stream.once("data", resolve));
  t.is(await bed.heartbeat(other), "OK");
  t.like(bed.server.counts, { nodes: 2 });
  bed.removed.add(WORKER);
  bed.server.expel(({ nodeId }) => bed.removed.has(nodeId));
  t.not((await ended).code, 0);
  t.regex(await bed.heartbeat(client), /was removed from swarm$/);
  t.is(await bed.heartbeat(other), "OK");
});
