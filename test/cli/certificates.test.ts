/** Join tokens, the root and its rotation, and what node ls says of certificates; with real certificates, against a peer. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { Cluster, Node } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalNodeState } from "../../src/api/generated/tswarm/v1/node.js";
import { nodeCertificates } from "../../src/cli/node/certificate.js";
import { desiredRoot } from "../../src/cli/swarm/root-certificate.js";
import { assessRotation } from "../../src/cli/swarm/rotation.js";
import { certificateFacts } from "../../src/security/pki/certificate-facts.js";
import type { CertifiedKey } from "../../src/security/pki/certified-key.js";
import { makeCsr, readCsr } from "../../src/security/pki/csr.js";
import { issueCertificate } from "../../src/security/pki/issue.js";
import { joinToken } from "../../src/security/pki/join-token.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { CLUSTER, HOST1, HOST2, id, processService, taskOf } from "./fixtures.js";
import { NodePeer } from "./node-peer.js";
import { Peer, Refusal } from "./peer.js";
import { start, tsctl } from "./run.js";

const test = anyTest as TestFn<{ peer: Peer; directory: string }>;
const NOW = Date.now();
const DAY = 86_400_000;
const OLD = makeRootCa(NOW);
const NEW = makeRootCa(NOW);
const TOKENS = { worker: joinToken(OLD.certificatePem), manager: joinToken(OLD.certificatePem) };

function clusterWith(root: CertifiedKey, rotatingTo?: CertifiedKey, tokens = TOKENS): Cluster {
  return Cluster.fromPartial({
    ...CLUSTER,
    rootCa: {
      caCert: Buffer.from(root.certificatePem),
      caCertHash: "",
      joinTokens: tokens,
      ...(rotatingTo ? { rootRotation: { caCert: Buffer.from(rotatingTo.certificatePem) } } : {}),
    },
  } as never);
}

/** The node with a certificate of that root, as it tells of it. */
function certified(node: Node, ca: CertifiedKey, trusted: CertifiedKey = ca, notAfterMs = NOW + 90 * DAY): Node {
  const facts = certificateFacts(ca.certificatePem);
  const certificate = issueCertificate({
    ca,
    csr: readCsr(makeCsr().csrPem),
    nodeId: node.id,
    role: NodeRole.WORKER,
    clusterId: CLUSTER.id,
    notBeforeMs: NOW - 100 * DAY,
    notAfterMs,
  });
  return Node.fromPartial({
    ...node,
    certificate: { certificate: Buffer.from(certificate), status: { state: Issuance.ISSUED } },
    description: {
      ...node.description,
      tlsInfo: {
        trustRoot: Buffer.from(trusted.certificatePem),
        certIssuerSubject: facts.subjectDer,
        certIssuerPublicKey: facts.publicKeyDer,
      },
    },
  } as never);
}

test.beforeEach(async (t) => {
  const peer = await Peer.start();
  peer.nodes = [certified(HOST1, OLD), certified(HOST2, OLD)];
  peer.clusters = [clusterWith(OLD)];
  peer.manager = { nodeId: HOST1.id };
  t.context = { peer, directory: mkdtempSync(join(tmpdir(), "tswarm-certificates-")) };
});
test.afterEach.always((t) => {
  t.context.peer?.stop();
  rmSync(t.context.directory, { recursive: true, force: true });
});

async function output(t: ExecutionContext<{ peer: Peer }>, ...args: string[]): Promise<string> {
  const { status: code, stdout, stderr } = await tsctl(t.context.peer, ...args);
  t.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

const line = (role: string, token: string) => `To add a ${role} to this swarm, run the following command:

    tsctl join --token ${token} 10.99.0.1:4242

`;

test("join-token shows what to type, for each role; --rotate makes a new one", async (t) => {
  t.is(await output(t, "join-token", "worker"), line("worker", TOKENS.worker));
  t.is(await output(t, "join-token", "manager"), line("manager", TOKENS.manager));
  t.is(await output(t, "join-token", "worker", "-q"), `${TOKENS.worker}\n`);
  t.is(
    await output(t, "join-token", "--rotate", "worker"),
    `Successfully rotated worker join token.\n\n${line("worker", `${TOKENS.worker}z`)}`,
  );
  t.is(await output(t, "join-token", "--rotate", "-q", "manager"), `${TOKENS.manager}z\n`);
  t.deepEqual(JSON.parse(await output(t, "join-token", "manager", "--format", "json")), {
    role: "manager",
    token: `${TOKENS.manager}z`,
    managerAddr: "10.99.0.1:4242",
  });
  t.deepEqual(
    t.context.peer.requests("updateCluster").map(({ rotation }) => rotation),
    [
      { workerJoinToken: true, managerJoinToken: false, managerUnlockKey: false },
      { workerJoinToken: false, managerJoinToken: true, managerUnlockKey: false },
    ],
  );
  const { status: code, stderr } = await tsctl(t.context.peer, "join-token", "boss");
  t.is(code, 2);
  t.regex(stderr, /"boss" is not one of worker, manager/);
});

test("ca shows the root", async (t) => {
  t.is(await output(t, "ca"), OLD.certificatePem);
  t.deepEqual(JSON.parse(await output(t, "ca", "--format", "json")), {
    rootCa: OLD.certificatePem,
    digest: desiredRoot(clusterWith(OLD)).digest,
    rotating: false,
  });
});

test("a rotation is followed to its end", async (t) => {
  const { peer } = t.context;
  // Each look finds the cluster one step further.
  const begun = Cluster.fromPartial({ ...clusterWith(OLD, NEW), meta: { version: { index: 4 } } } as never);
  peer.overrides.set("updateCluster", () => ({ cluster: begun }));
  const steps: (() => void)[] = [
    // The manager that answers has not heard of the change.
    () => undefined,
    () => {
      peer.clusters = [begun];
    },
    () => {
      peer.nodes = [certified(HOST1, NEW, OLD), certified(HOST2, OLD)];
    },
    () => {
      peer.nodes = [certified(HOST1, NEW), certified(HOST2, NEW, OLD)];
      peer.clusters = [{ ...clusterWith(NEW), meta: begun.meta }];
    },
    () => {
      peer.nodes = [certified(HOST1, NEW), certified(HOST2, NEW)];
    },
  ];
  peer.overrides.set("listNodes", () => {
    steps.shift()?.();
    return { nodes: peer.nodes };
  });
  const { status: code, stdout, stderr } = await tsctl(peer, "ca", "--rotate", "--cert-expiry", "2h");
  t.is(code, 0, stderr);
  t.is(stdout, NEW.certificatePem);
  const told = [
    `desired root digest: ${desiredRoot(clusterWith(NEW)).digest}`,
    "  rotated TLS certificates:  1/2 nodes",
    "  rotated TLS certificates:  2/2 nodes",
    "  rotated CA certificates:   2/2 nodes",
  ];
  const lines = stderr.split("\n");
  t.deepEqual(
    told.map((text) => lines.indexOf(text)).toSorted((a, b) => a - b),
    told.map((text) => lines.indexOf(text)),
    stderr,
  );
  for (const text of told) t.true(lines.includes(text), stderr);
  t.like(peer.requests("updateCluster")[0], {
    spec: { caConfig: { forceRotate: 1, nodeCertExpiry: { seconds: 7200 } } },
  });
});

test("a rotation to a root of one's own, not waited for", async (t) => {
  const { peer, directory } = t.context;
  const [certificate, key] = [join(directory, "ca.crt"), join(directory, "ca.key")];
  writeFileSync(certificate, NEW.certificatePem);
  writeFileSync(key, NEW.keyPem);
  const stdout = await output(t, "ca", "--rotate", "-d", "--ca-cert", certificate, "--ca-key", key);
  t.is(stdout, `desired root digest: ${desiredRoot(clusterWith(OLD)).digest}\n`, "this peer rotates nothing");
  t.like(peer.requests("updateCluster")[0], {
    spec: {
      caConfig: {
        forceRotate: 0,
        signingCaCert: Buffer.from(NEW.certificatePem),
        signingCaKey: Buffer.from(NEW.keyPem),
      },
    },
  });
});

test("an external CA signs for a new root by the root's certificate", async (t) => {
  const certificate = join(t.context.directory, "ca.crt");
  writeFileSync(certificate, NEW.certificatePem);
  const external = ["--external-ca", "protocol=cfssl,url=https://ca:8888/sign"];
  await output(t, "ca", "--rotate", "-d", "--ca-cert", certificate, ...external);
  const [{ spec } = {}] = t.context.peer.requests("updateCluster");
  t.like((spec as Cluster["spec"])?.caConfig?.externalCas[0], { caCert: Buffer.from(NEW.certificatePem) });
});

test("Ctrl-C ends the waiting, and the rotation goes on", async (t) => {
  const { peer } = t.context;
  peer.clusters = [clusterWith(OLD, NEW)];
  const running = start(["ca", "--rotate"], { TSWARM_HOST: peer.socket });
  await running.untilError("rotated TLS certificates:  0/2 nodes\n");
  running.signal("SIGINT");
  const { status: code, stderr } = await running.outcome;
  t.is(code, 130);
  t.true(stderr.endsWith('no longer waiting: the rotation goes on; "tsctl node ls" shows which nodes it waits for\n'));
});

const BAD_CA: readonly (readonly [readonly string[], RegExp])[] = [
  [["--cert-expiry", "2h"], /--cert-expiry: it takes --rotate/],
  [["--ca-cert", "x"], /--ca-cert: it takes --rotate/],
  [["--rotate", "--ca-cert", "/nonexistent"], /--ca-cert: cannot read/],
  [["--rotate", "--external-ca", "protocol=cfssl,url=https://ca"], /requires the --ca-cert flag/],
];
for (const [flags, message] of BAD_CA) {
  test(`wrong usage: ca ${flags.join(" ")}`, async (t) => {
    const { status: code, stderr } = await tsctl(t.context.peer, "ca", ...flags);
    t.is(code, 2);
    t.regex(stderr, message);
    t.deepEqual(t.context.peer.calls, []);
  });
}

test("--ca-cert and --ca-key need each other, and are PEM files; what they hold is not shown", async (t) => {
  const { peer, directory } = t.context;
  const [certificate, secret] = [join(directory, "ca.crt"), join(directory, "secret")];
  writeFileSync(certificate, NEW.certificatePem);
  writeFileSync(secret, "hunter2 is no key");
  const run = (...args: string[]) => tsctl(peer, "ca", "--rotate", ...args);
  t.regex((await run("--ca-cert", certificate)).stderr, /--ca-cert: it needs --ca-key or --external-ca too/);
  t.regex((await run("--ca-key", certificate)).stderr, /--ca-key: it needs --ca-cert too/);
  const { stderr } = await run("--ca-cert", certificate, "--ca-key", secret);
  t.is(stderr, `tsctl: --ca-key: ${secret} is not a PEM file\n`);
});

test("the present root breaks a rotation off, without its key, and nobody is waited for", async (t) => {
  const { peer, directory } = t.context;
  const certificate = join(directory, "present.crt");
  writeFileSync(certificate, OLD.certificatePem);
  peer.clusters = [clusterWith(OLD)];
  peer.nodes = [certified(HOST1, NEW), certified(HOST2, OLD)];
  t.is(await output(t, "ca", "--rotate", "--ca-cert", certificate), OLD.certificatePem);
  const [{ spec } = {}] = peer.requests("updateCluster");
  t.is((spec as Cluster["spec"])?.caConfig?.signingCaCert.toString(), OLD.certificatePem);
});

test("what the cluster refuses of a root is shown", async (t) => {
  t.context.peer.overrides.set("updateCluster", () => {
    throw new Refusal(status.INVALID_ARGUMENT, "must provide both the CA certificate and the key");
  });
  t.is(
    (await tsctl(t.context.peer, "ca", "--rotate")).stderr,
    "tsctl: must provide both the CA certificate and the key\n",
  );
});

test("node ls shows when certificates expire, and who waits for one of the new root", async (t) => {
  const { peer } = t.context;
  const host3 = Node.fromPartial({ id: id("n3"), description: { hostname: "host3" } });
  peer.nodes = [certified(HOST1, NEW), certified(HOST2, OLD, OLD, NOW - DAY), host3];
  peer.clusters = [clusterWith(OLD)];
  const table = await output(t, "node", "ls");
  t.regex(table, /^ID +HOSTNAME .*CERT EXPIRES +VERSION$/m);
  t.regex(table, /host1 .* in (89|90) days /);
  t.regex(table, /host2 .* expired /);
  const list = async () =>
    JSON.parse(await output(t, "node", "ls", "--format", "json")).map(
      ({ certificateState }: { certificateState: string }) => certificateState,
    );
  t.deepEqual(await list(), ["ready", "expired", ""]);
  peer.clusters = [clusterWith(OLD, NEW)];
  t.deepEqual(await list(), ["ready", "expired", "rotating"]);
  t.regex(await output(t, "node", "inspect", "host1"), /^Certificate expires: +in (89|90) days$/m);
});

test("node ps lists the tasks of nodes, of the manager's own without an argument", async (t) => {
  const { peer } = t.context;
  const web = processService("web");
  peer.services = [web];
  peer.tasks = () => [taskOf(web, 1), taskOf(web, 2)];
  const names = async (...args: string[]) =>
    JSON.parse(await output(t, "node", "ps", ...args, "--format", "json")).map(({ name }: { name: string }) => name);
  t.deepEqual(await names(), ["web.1"]);
  t.deepEqual(await names("host2"), ["web.2"]);
  t.deepEqual(await names("self", "host2"), ["web.1", "web.2"]);
});

test("info on a manager shows the cluster's settings by docker info's names", async (t) => {
  const { peer } = t.context;
  const daemon = await NodePeer.start(peer.socket);
  t.teardown(() => daemon.stop());
  daemon.info = {
    state: LocalNodeState.NODE_ACTIVE,
    nodeId: HOST1.id,
    nodeAddr: "10.99.0.1",
    role: NodeRole.MANAGER,
    controlAvailable: true,
    managers: [{ nodeId: HOST1.id, addr: "10.99.0.1:2377" }],
  };
  const page = await output(t, "info");
  for (const text of [
    /^Swarm: +active$/m,
    /^Is Manager: +true$/m,
    /^Managers: +1$/m,
    /^Nodes: +2$/m,
    /^Default Address Pool: +10\.0\.0\.0\/8$/m,
    /^SubnetSize: +24$/m,
    /^Orchestration:\n {2}Task History Retention Limit: +5$/m,
    /^ {2}Snapshot Interval: +10000$/m,
    /^ {2}Heartbeat Period: +5 seconds$/m,
    /^ {2}Force Rotate: +0$/m,
    /^Autolock Managers: +false$/m,
    /^Root Rotation In Progress: +false$/m,
    /^Manager Addresses:\n {2}10\.99\.0\.1:2377$/m,
  ])
    t.regex(page, text);
  const json = JSON.parse(await output(t, "info", "--format", "json"));
  t.like(json, { state: "active", nodes: 2, managersTotal: 1, cluster: { id: CLUSTER.id, autolock: false } });
});

const spanRows: readonly (readonly [number, string])[] = [
  [89.5 * DAY, "in 89 days"],
  [2 * DAY, "in 2 days"],
  [1.9 * DAY, "in 45 hours"],
  [90 * 60_000, "in about an hour"],
  [0, "expired"],
  [-DAY, "expired"],
];
for (const [leftMs, text] of spanRows) {
  test(`a certificate with ${leftMs} ms left`, (t) => {
    // Certificates hold whole seconds.
    const nowMs = Math.floor(NOW / 1000) * 1000;
    t.is(nodeCertificates(undefined, nowMs)(certified(HOST1, OLD, OLD, nowMs + leftMs)).text, text);
  });
}

test("a node that is told to rotate, and one whose certificate cannot be read", (t) => {
  const view = nodeCertificates(undefined, NOW);
  const node = certified(HOST1, OLD);
  const rotate = Node.fromPartial({
    ...node,
    certificate: { ...node.certificate, status: { state: Issuance.ROTATE } },
  } as never);
  t.regex(view(rotate).text, /^in \d+ days, rotating$/);
  t.deepEqual(view(Node.fromPartial({ certificate: { certificate: Buffer.from("x") } })), {
    expiresMs: undefined,
    state: "",
    text: "",
  });
});

test("cluster inspect shows the root and no join token", async (t) => {
  t.context.peer.clusters = [clusterWith(OLD)];
  for (const format of [[], ["--format", "json"]]) {
    const shown = await output(t, "cluster", "inspect", ...format);
    t.false(/SWMTKN/.test(shown), shown);
  }
});

test("a rotation is done when every node has a certificate of the new root and trusts it alone", (t) => {
  const nodes = (...list: Node[]) => list;
  const moved = certified(HOST1, NEW);
  t.like(assessRotation(clusterWith(OLD, NEW), nodes(moved, certified(HOST2, OLD))), {
    certified: 1,
    trusting: 1,
    total: 2,
    done: false,
  });
  t.like(assessRotation(clusterWith(OLD, NEW), nodes(moved, certified(HOST2, NEW))), { certified: 2, done: false });
  t.like(assessRotation(clusterWith(NEW), nodes(moved, certified(HOST2, NEW, OLD))), {
    certified: 2,
    trusting: 1,
    done: false,
  });
  t.like(assessRotation(clusterWith(NEW), nodes(moved, certified(HOST2, NEW))), {
    certified: 2,
    trusting: 2,
    done: true,
  });
  const unknown = Node.fromPartial({ id: id("n4") });
  t.deepEqual(assessRotation(clusterWith(NEW), nodes(moved, unknown)).waitingFor, [unknown]);
});
