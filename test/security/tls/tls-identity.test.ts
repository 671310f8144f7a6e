import { connect, createSecureContext, type TLSSocket } from "node:tls";
import test from "ava";
import { CAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { DispatcherService, type SessionMessage } from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { TlsIdentity, verifyingCredentials } from "../../../src/security/tls/tls-identity.js";
import { trustingCredentials } from "../../../src/security/transport.js";
import { Authority, CLUSTER } from "../authority.js";
import { MANAGER, RemoteBed } from "../remote-bed.js";

const WORKER = "worker".padEnd(25, "0");

test("the caller is who its certificate says, over one connection and over many", async (t) => {
  const bed = await RemoteBed.start(t);
  for (const [identity, nodeId, role] of [
    [bed.authority.worker(WORKER), WORKER, NodeRole.WORKER],
    [bed.authority.manager("m2"), "m2", NodeRole.MANAGER],
  ] as const) {
    const client = bed.client(identity.channelCredentials());
    for (let i = 0; i < 2; i++) {
      t.is(await bed.heartbeat(client), "OK");
      t.like(bed.seen.at(-1)!.caller, { nodeId, role, organization: CLUSTER });
      t.regex(bed.seen.at(-1)!.caller!.peer, /^127\.0\.0\.1:\d+$/);
    }
  }
});

test("without a certificate only what needs none is open", async (t) => {
  const bed = await RemoteBed.start(t);
  for (const credentials of [verifyingCredentials(bed.authority.root.certificatePem), trustingCredentials()]) {
    const client = bed.client(credentials);
    t.is(await bed.call(client, CAService.getRootCaCertificate, {}), "OK");
    t.is(bed.seen.at(-1)!.caller, undefined);
    t.is(await bed.heartbeat(client), "PERMISSION_DENIED: Permission denied: no client certificates in request");
  }
});

/** A session that stands, and the messages that came by it. */
function session(bed: RemoteBed, identity: TlsIdentity) {
  const client = bed.client(identity.channelCredentials());
  const stream = client.makeServerStreamRequest(
    DispatcherService.session.path,
    DispatcherService.session.requestSerialize,
    DispatcherService.session.responseDeserialize,
    { description: undefined, sessionId: "" },
  );
  const ended = new Promise<string>((resolve) => {
    stream.on("error", (error) => resolve(error.message));
    stream.on("end", () => resolve("end"));
  });
  const first = new Promise<SessionMessage>((resolve) => stream.once("data", resolve));
  return { client, ended, first };
}

test("renewed certificates count for new connections, on both sides; established ones go on", async (t) => {
  const bed = await RemoteBed.start(t);
  const { authority } = bed;
  const worker = authority.worker(WORKER);
  const old = session(bed, worker);
  await old.first;
  let isOver = false;
  old.ended.then(() => {
    isOver = true;
  });
  const changes: (TlsIdentity["current"] | undefined)[] = [];
  bed.identity.onChange(() => changes.push(bed.identity.current));
  const next = authority.certificate(MANAGER, NodeRole.MANAGER);
  bed.identity.replace(next);
  t.deepEqual(changes, [next]);
  t.is(bed.identity.current, next);
  t.is(await shownBy(bed.port), next.certificatePem.trim());

  worker.replace(authority.certificate("worker-2", NodeRole.WORKER));
  t.is(await bed.heartbeat(old.client), "OK");
  t.is(bed.seen.at(-1)!.caller!.nodeId, WORKER, "the connection that stands is still the old one");
  t.is(await bed.heartbeat(bed.client(worker.channelCredentials())), "OK");
  t.is(bed.seen.at(-1)!.caller!.nodeId, "worker-2");
  t.false(isOver);
});

test("roots change under way: both are trusted while both are there, and the old one no more once it is gone", async (t) => {
  const bed = await RemoteBed.start(t);
  const next = new Authority();
  const both = bed.authority.root.certificatePem + next.root.certificatePem;
  const old = bed.authority.certificate(WORKER, NodeRole.WORKER);
  const renewed = next.certificate(WORKER, NodeRole.WORKER);
  const before = new TlsIdentity({ ...old, rootPem: both });
  const after = new TlsIdentity({ ...renewed, rootPem: both });
  bed.identity.replace({ ...bed.identity.current!, rootPem: both });
  t.is(await bed.heartbeat(bed.client(before.channelCredentials())), "OK");
  t.is(await bed.heartbeat(bed.client(after.channelCredentials())), "OK");
  bed.identity.replace(next.certificate(MANAGER, NodeRole.MANAGER));
  t.regex(await bed.heartbeat(bed.client(before.channelCredentials())), /^UNAVAILABLE/);
  t.is(await bed.heartbeat(bed.client(after.channelCredentials())), "OK");
  t.true(bed.server.counts.refused.certificate! > 0);
});

test("what cannot be used is not taken, and what there was stays", (t) => {
  const authority = new Authority();
  const first = authority.certificate(WORKER, NodeRole.WORKER);
  const identity = new TlsIdentity(first);
  t.like(identity.subject, { nodeId: WORKER, organizationalUnit: "swarm-worker", organization: CLUSTER });
  identity.onChange(() => t.fail());
  const other = authority.certificate(WORKER, NodeRole.WORKER);
  for (const broken of [
    { ...first, keyPem: other.keyPem },
    { ...first, certificatePem: "no certificate" },
    { ...first, keyPem: "" },
    { ...first, rootPem: "" },
    { ...first, rootPem: first.certificatePem },
  ]) {
    t.throws(() => identity.replace(broken));
    t.is(identity.current, first);
  }
  t.throws(() => new TlsIdentity({ ...first, keyPem: other.keyPem }));
});

test("a node without a certificate connects nowhere, and lets nobody in", async (t) => {
  const nobody = new TlsIdentity();
  const bed = await RemoteBed.start(t, { identity: nobody });
  t.regex(await bed.heartbeat(bed.client(nobody.channelCredentials())), /this node has no certificate yet/);
  t.regex(await bed.heartbeat(bed.client(bed.authority.worker(WORKER).channelCredentials())), /^UNAVAILABLE/);
  t.true(bed.server.counts.refused.noIdentity! > 0);
  nobody.replace(bed.identity.current!);
  t.is(await bed.heartbeat(bed.client(bed.authority.worker(WORKER).channelCredentials())), "OK");
});

interface Resumption {
  readonly reused: boolean;
  readonly ticket: Buffer | undefined;
  readonly isOpen: boolean;
}

/** One TLS connection, as a client that keeps tickets makes it; open when the server has sent its first HTTP/2 frame. */
function handshake(port: number, identity: TlsIdentity, session?: Buffer): Promise<Resumption> {
  const { certificatePem, keyPem, rootPem } = identity.current!;
  const secureContext = createSecureContext({ cert: certificatePem, key: keyPem, ca: rootPem });
  const socket: TLSSocket = connect({
    host: "127.0.0.1",
    port,
    secureContext,
    servername: "swarm-manager",
    ALPNProtocols: ["h2"],
    ...(session ? { session } : {}),
  });
  let ticket: Buffer | undefined;
  socket.on("session", (one) => {
    ticket = one;
  });
  return new Promise((resolve) => {
    const done = (isOpen: boolean) => {
      resolve({ reused: socket.isSessionReused(), ticket, isOpen });
      socket.destroy();
    };
    // The server's settings.
    socket.once("data", () => done(true));
    socket.once("close", () => done(false));
    socket.once("error", () => done(false));
  });
}

function shownBy(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["h2"] }, () => {
      resolve(socket.getPeerX509Certificate()!.toString().trim());
      socket.destroy();
    });
  });
}

test("a resumed session has the client's certificate; no ticket outlives a change of certificate or roots", async (t) => {
  let now = Date.now();
  const bed = await RemoteBed.start(t, { now: () => now });
  const worker = bed.authority.worker(WORKER);
  // Not every connection has a ticket by the time in which the server begins to speak HTTP/2.
  let ticket: Buffer | undefined;
  while (!ticket) {
    const first = await handshake(bed.port, worker);
    t.like(first, { reused: false, isOpen: true });
    ticket = first.ticket;
  }
  t.like(await handshake(bed.port, worker, ticket), { reused: true, isOpen: true });

  now += 48 * 3_600_000;
  t.like(await handshake(bed.port, worker, ticket), { isOpen: false }, "its certificate has expired meanwhile");
  now -= 48 * 3_600_000;

  bed.identity.replace(bed.authority.certificate(MANAGER, NodeRole.MANAGER));
  t.like(await handshake(bed.port, worker, ticket), { reused: false, isOpen: true });
  const stranger = new Authority();
  bed.identity.replace(stranger.certificate(MANAGER, NodeRole.MANAGER));
  t.like(await handshake(bed.port, worker, ticket), { isOpen: false });
});

test("gRPC connections resume: the caller of a resumed one is known, and refused once it is removed", async (t) => {
  const bed = await RemoteBed.start(t);
  const worker = bed.authority.worker(WORKER);
  const first = bed.client(worker.channelCredentials());
  t.is(await bed.heartbeat(first), "OK");
  first.close();
  const second = bed.client(worker.channelCredentials());
  t.is(await bed.heartbeat(second), "OK");
  t.is(bed.seen.at(-1)!.caller!.nodeId, WORKER);
  second.close();
  bed.removed.add(WORKER);
  const third = bed.client(worker.channelCredentials());
  t.is(await bed.heartbeat(third), `PERMISSION_DENIED: Permission denied: node ${WORKER} was removed from swarm`);
});
