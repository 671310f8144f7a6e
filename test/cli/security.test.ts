/** What doctor says of how safe a node stands: on a made-up node with real files, real certificates and a real port. */
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import anyTest, { type TestFn } from "ava";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import { Cluster } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalNodeState } from "../../src/api/generated/tswarm/v1/node.js";
import { judgeValidity } from "../../src/cli/doctor/security/certificate-probes.js";
import { type FindingState, runProbes } from "../../src/cli/doctor/security/probe.js";
import { SECURITY_PROBES } from "../../src/cli/doctor/security/probes.js";
import { processAt, readStatus, tcpListeners, unixInode } from "../../src/cli/doctor/security/processes.js";
import { askManager } from "../../src/cli/doctor/security/this-node.js";
import type { SecurityWorld } from "../../src/cli/doctor/security/world.js";
import type { CertifiedKey } from "../../src/security/pki/certified-key.js";
import { makeCsr, readCsr } from "../../src/security/pki/csr.js";
import { issueCertificate } from "../../src/security/pki/issue.js";
import { joinToken } from "../../src/security/pki/join-token.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { documentText } from "./documentation.js";
import { CLUSTER, HOST1, id } from "./fixtures.js";
import { NodePeer } from "./node-peer.js";
import { Peer } from "./peer.js";
import { tsctl } from "./run.js";

const test = anyTest as TestFn<{ peer: Peer; daemon: NodePeer; stateDir: string; stop: (() => void)[] }>;
const asRoot = process.getuid?.() === 0 ? test : test.skip;
const NOW = Date.now();
const HOUR = 3_600_000;
const ROOT = makeRootCa(NOW);
const MANAGER_USER = 65_534;

interface Identity {
  readonly certificatePem: string;
  readonly keyPem: string;
}

function certify(ca: CertifiedKey, role: NodeRole, notAfterMs = NOW + 24 * HOUR): Identity {
  const { csrPem, keyPem } = makeCsr();
  const certificatePem = issueCertificate({
    ca,
    csr: readCsr(csrPem),
    nodeId: HOST1.id,
    role,
    clusterId: CLUSTER.id,
    notBeforeMs: NOW - HOUR,
    notAfterMs,
  });
  return { certificatePem, keyPem };
}

function writeIdentity(folder: string, { certificatePem, keyPem }: Identity, uid: number): void {
  mkdirSync(folder, { recursive: true });
  const files = {
    "swarm-root-ca.crt": ROOT.certificatePem,
    "swarm-node.crt": certificatePem,
    "swarm-node.key": keyPem,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: name.endsWith(".key") ? 0o600 : 0o644 });
    chownSync(join(folder, name), uid, uid);
  }
}

/** A manager's port for nodes: asks for a certificate, and shows the nodes to who has one, or to everybody. */
async function startManager(ca: CertifiedKey, open = false): Promise<{ readonly address: string; stop(): void }> {
  const { certificatePem, keyPem } = certify(ca, NodeRole.MANAGER);
  const pair = { cert_chain: Buffer.from(certificatePem), private_key: Buffer.from(keyPem) };
  const server = new Server();
  const refuse = (_: unknown, answer: sendUnaryData<object>) =>
    answer({ code: status.UNIMPLEMENTED, details: "the peer does not do this" });
  const handlers = (service: object, own: object) => ({
    ...Object.fromEntries(Object.keys(service).map((name) => [name, refuse])),
    ...own,
  });
  const root = (_: ServerUnaryCall<unknown, object>, answer: sendUnaryData<object>) =>
    answer(null, { certificate: Buffer.from(ca.certificatePem) });
  const nodes = (_: ServerUnaryCall<unknown, object>, answer: sendUnaryData<object>) =>
    open ? answer(null, { nodes: [] }) : answer({ code: status.PERMISSION_DENIED, details: "who are you?" });
  server.addService(CAService as never, handlers(CAService, { getRootCaCertificate: root }) as never);
  server.addService(ControlService as never, handlers(ControlService, { listNodes: nodes }) as never);
  const credentials = ServerCredentials.createSsl(Buffer.from(ROOT.certificatePem), [pair], false);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

function withRoot(rootCa: object): Cluster {
  return Cluster.fromPartial({ ...CLUSTER, rootCa } as never);
}

test.beforeEach(async (t) => {
  const peer = await Peer.start();
  const daemon = await NodePeer.start(peer.socket);
  const stateDir = mkdtempSync(join(tmpdir(), "tswarm-security-"));
  t.context = { peer, daemon, stateDir, stop: [] };
  peer.nodes = [HOST1];
  peer.manager = { nodeId: HOST1.id };
  const tokens = { worker: joinToken(ROOT.certificatePem), manager: joinToken(ROOT.certificatePem) };
  peer.clusters = [withRoot({ caCert: Buffer.from(ROOT.certificatePem), joinTokens: tokens })];
});

test.afterEach.always((t) => {
  const { peer, daemon, stateDir, stop } = t.context;
  for (const end of stop ?? []) end();
  daemon?.stop();
  peer?.stop();
  if (stateDir) rmSync(stateDir, { recursive: true, force: true });
});

interface Made {
  readonly ca?: CertifiedKey;
  readonly agentUntilMs?: number;
}

/** A node with both certificates, a log, and one manager to reach. */
async function makeNode(t: { context: { daemon: NodePeer; stateDir: string; stop: (() => void)[] } }, made: Made = {}) {
  const { daemon, stateDir, stop } = t.context;
  const manager = await startManager(made.ca ?? ROOT);
  stop.push(manager.stop);
  writeIdentity(join(stateDir, "certificates"), certify(ROOT, NodeRole.WORKER, made.agentUntilMs), 0);
  const managerDir = join(stateDir, "manager");
  writeIdentity(join(managerDir, "certificates"), certify(ROOT, NodeRole.MANAGER), MANAGER_USER);
  mkdirSync(join(managerDir, "raft", "log"), { recursive: true });
  for (const name of ["keys.json", "log/1.wal"]) {
    writeFileSync(join(managerDir, "raft", name), "x", { mode: 0o600 });
    chownSync(join(managerDir, "raft", name), MANAGER_USER, MANAGER_USER);
  }
  chmodSync(managerDir, 0o700);
  chownSync(managerDir, MANAGER_USER, MANAGER_USER);
  daemon.info = {
    state: LocalNodeState.NODE_ACTIVE,
    nodeId: HOST1.id,
    role: NodeRole.MANAGER,
    controlAvailable: true,
    controlSocket: daemon.control,
    stateDir,
    managers: [{ nodeId: id("n9"), addr: manager.address }],
  };
  return manager;
}

interface Shown {
  readonly name: string;
  readonly state: FindingState;
  readonly reason: string;
  readonly remedy: string;
}

/** What doctor shows, by name of the probe. */
async function look(peer: Peer): Promise<{ status: number | null; found: Map<string, Shown> }> {
  const { status: code, stdout } = await tsctl(peer, "doctor", "--format", "json");
  const { security } = JSON.parse(stdout) as { security: Shown[] };
  return { status: code, found: new Map(security.map((one) => [one.name, one])) };
}

asRoot("a node in order: what can be seen of it passes", async (t) => {
  await makeNode(t);
  const { found } = await look(t.context.peer);
  const states = Object.fromEntries([...found].map(([name, { state }]) => [name, state]));
  t.like(states, {
    "local sockets": "pass",
    "agent certificate files": "pass",
    "agent certificate": "pass",
    "manager certificate": "pass",
    "TLS to managers": "pass",
    clock: "pass",
    autolock: "warn",
    "join tokens": "pass",
    "root rotation": "pass",
    // Both listen in this one process, which is root.
    "separate users": "fail",
    "manager capabilities": "fail",
  });
  t.regex(found.get("separate users")!.reason, /^the manager \(process \d+\) runs as root$/);
  for (const { remedy } of found.values()) t.true(remedy.length > 10);
});

asRoot("the page shows results, and what to do about those that do not pass", async (t) => {
  await makeNode(t);
  const { status: code, stdout } = await tsctl(t.context.peer, "doctor");
  t.is(code, 1, "the manager is root");
  t.regex(stdout, /^SECURITY +RESULT +FOUND$/m);
  t.regex(stdout, /^What to do:\n( {2}.+\n)* {2}separate users \(fail\): run the manager by tswarm-manager\.service/m);
  t.regex(stdout, /^ {2}autolock \(warn\): "tsctl update --autolock"/m);
});

/** How a node is spoilt, and the probe that finds it. */
const SPOILT: readonly (readonly [string, FindingState, RegExp, (stateDir: string, peer: Peer) => void])[] = [
  [
    "agent certificate files",
    "fail",
    /swarm-node\.key has mode 0640/,
    (dir) => chmodSync(join(dir, "certificates/swarm-node.key"), 0o640),
  ],
  [
    "agent certificate files",
    "fail",
    /swarm-node\.crt belongs to user 7, not 0/,
    (dir) => chownSync(join(dir, "certificates/swarm-node.crt"), 7, 7),
  ],
  [
    "agent certificate files",
    "fail",
    /certificates has mode 0777/,
    (dir) => chmodSync(join(dir, "certificates"), 0o777),
  ],
  [
    "agent certificate files",
    "fail",
    /swarm-root-ca\.crt is missing/,
    (dir) => rmSync(join(dir, "certificates/swarm-root-ca.crt")),
  ],
  [
    "log and key files",
    "fail",
    /keys\.json has mode 0644/,
    (dir) => chmodSync(join(dir, "manager/raft/keys.json"), 0o644),
  ],
  ["log and key files", "fail", /manager has mode 0755/, (dir) => chmodSync(join(dir, "manager"), 0o755)],
  [
    "local sockets",
    "fail",
    /control\.sock has mode 0666/,
    (_, peer) => {
      chmodSync(peer.directory, 0o755);
      chmodSync(peer.socket, 0o666);
    },
  ],
  [
    "join tokens",
    "fail",
    /of another root: worker, manager/,
    (_, peer) => {
      const other = makeRootCa(NOW).certificatePem;
      const joinTokens = { worker: joinToken(other), manager: joinToken(other) };
      peer.clusters = [withRoot({ ...peer.clusters[0]!.rootCa, joinTokens })];
    },
  ],
  [
    "root rotation",
    "warn",
    /in progress: 0 of 1 nodes done, waiting for host1/,
    (_, peer) => {
      const rootRotation = { caCert: Buffer.from(makeRootCa(NOW).certificatePem) } as never;
      peer.clusters = [withRoot({ ...peer.clusters[0]!.rootCa, rootRotation })];
    },
  ],
];

for (const [name, state, reason, spoil] of SPOILT) {
  asRoot(`found: ${name}: ${reason.source}`, async (t) => {
    await makeNode(t);
    spoil(t.context.stateDir, t.context.peer);
    const shown = (await look(t.context.peer)).found.get(name);
    t.is(shown?.state, state);
    t.regex(shown!.reason, reason);
  });
}

asRoot("found: a manager of another root, and one that cannot be reached", async (t) => {
  const manager = await makeNode(t, { ca: makeRootCa(NOW) });
  const found = async () => (await look(t.context.peer)).found.get("TLS to managers")!;
  const foreign = await found();
  t.is(foreign.state, "fail");
  t.true(foreign.reason.startsWith(`${manager.address}: `), foreign.reason);
  t.regex(foreign.reason, /certificate|self.signed/);
  manager.stop();
  const gone = await found();
  t.is(gone.state, "fail");
  t.regex(gone.reason, /ECONNREFUSED/);
});

asRoot("found: a certificate that has expired", async (t) => {
  await makeNode(t, { agentUntilMs: NOW - 1000 });
  const { found } = await look(t.context.peer);
  t.is(found.get("agent certificate")?.state, "fail");
  t.regex(found.get("agent certificate")!.reason, /^it expired /);
});

test("found: a manager that shows its nodes to strangers", async (t) => {
  const probe = SECURITY_PROBES.filter(({ name }) => name === "strangers");
  for (const open of [true, false]) {
    const { address, stop } = await startManager(ROOT, open);
    t.context.stop.push(stop);
    const manager = { ...NOBODY, listeners: [address] };
    const info = { controlAvailable: true } as never;
    const ask: SecurityWorld["ask"] = (at, what) => askManager(at, what, undefined);
    const [result] = await runProbes(probe, { ...emptyWorld(), info, manager, ask });
    const reason = open ? `${address} shows the nodes of the swarm to anybody` : `${address}: who are you?`;
    t.like(result, { state: open ? "fail" : "pass", reason });
  }
});

const NOBODY = { pid: 1, uid: MANAGER_USER, capabilities: 0n, noNewPrivileges: true, listeners: [] as string[] };

function emptyWorld(): SecurityWorld {
  return {
    nowMs: NOW,
    sockets: { control: "/nonexistent/c", node: "/nonexistent/n", support: "/nonexistent/s" },
    info: undefined,
    agent: undefined,
    manager: undefined,
    swarm: undefined,
    swarmError: "",
    ask: async () => ({ outcome: "unreachable", reason: "", skewMs: undefined }),
  };
}

test("of a node that is none nothing is said", async (t) => {
  t.deepEqual(await runProbes(SECURITY_PROBES, emptyWorld()), []);
});

test("a probe that fails itself is told, and the others go on", async (t) => {
  const broken = {
    ...SECURITY_PROBES[0]!,
    probe: async () => {
      throw new Error("EACCES: permission denied");
    },
  };
  const results = await runProbes(
    [broken, { ...broken, probe: async () => ({ state: "pass", reason: "" }) }],
    emptyWorld(),
  );
  t.deepEqual(
    results.map(({ state, reason }) => [state, reason]),
    [
      ["unknown", "EACCES: permission denied"],
      ["pass", ""],
    ],
  );
});

const agentUser = { ...NOBODY, uid: 0, noNewPrivileges: false };
const processRows: readonly (readonly [string, string, typeof NOBODY, FindingState])[] = [
  ["separate users", "another user", NOBODY, "pass"],
  ["separate users", "root", { ...NOBODY, uid: 0 }, "fail"],
  ["manager capabilities", "none", NOBODY, "pass"],
  ["manager capabilities", "some", { ...NOBODY, capabilities: 1n << 21n }, "fail"],
  ["manager capabilities", "none, but more to be had", { ...NOBODY, noNewPrivileges: false }, "warn"],
  ["listen addresses", "one port", { ...NOBODY, listeners: ["0.0.0.0:2377", "127.0.0.1:9"] }, "pass"],
  ["listen addresses", "two ports", { ...NOBODY, listeners: ["0.0.0.0:2377", "0.0.0.0:80"] }, "warn"],
];
for (const [name, title, manager, state] of processRows) {
  test(`${name}: ${title}`, async (t) => {
    const world = {
      ...emptyWorld(),
      info: { controlAvailable: true, managers: [] } as never,
      agent: agentUser,
      manager,
    };
    const results = await runProbes(
      SECURITY_PROBES.filter((probe) => probe.name === name),
      world,
    );
    t.deepEqual(
      results.map((one) => one.state),
      [state],
    );
  });
}

test("a locked manager is not asked for at its own node", async (t) => {
  const asked: string[] = [];
  const managers = [
    { nodeId: "a", addr: "10.0.0.1:2377" },
    { nodeId: "b", addr: "10.0.0.2:2377" },
  ];
  const world: SecurityWorld = {
    ...emptyWorld(),
    info: { nodeId: "a", managers, state: LocalNodeState.NODE_LOCKED } as never,
    ask: async (address) => {
      asked.push(address);
      return { outcome: "answered", reason: "", skewMs: 0 };
    },
  };
  const [result] = await runProbes(
    SECURITY_PROBES.filter(({ name }) => name === "TLS to managers"),
    world,
  );
  t.deepEqual([result?.state, asked], ["pass", ["10.0.0.2:2377"]]);
});

const skewRows: readonly (readonly [number | undefined, FindingState])[] = [
  [0, "pass"],
  [1999, "pass"],
  [-29_000, "pass"],
  [31_000, "fail"],
  [-3_600_000, "fail"],
  [undefined, "unknown"],
];
for (const [skewMs, state] of skewRows) {
  test(`a manager's clock that is off by ${skewMs} ms`, async (t) => {
    const world: SecurityWorld = {
      ...emptyWorld(),
      info: { managers: [{ nodeId: "", addr: "10.0.0.1:2377" }] } as never,
      ask: async () => ({ outcome: "refused", reason: "", skewMs }),
    };
    const [result] = await runProbes(
      SECURITY_PROBES.filter(({ name }) => name === "clock"),
      world,
    );
    t.is(result?.state, state);
  });
}

const validityRows: readonly (readonly [number, number, FindingState, RegExp])[] = [
  [0, 100, "pass", /50 % of its time is over/],
  [-10, 60, "warn", /85 % .* should have been renewed/],
  [-50, 50, "fail", /it expired/],
  [60, 100, "fail", /not valid before/],
];
for (const [fromHours, toHours, state, reason] of validityRows) {
  test(`valid from hour ${fromHours} to ${toHours}, looked at in hour 50`, (t) => {
    const finding = judgeValidity(fromHours * HOUR, toHours * HOUR, 50 * HOUR);
    t.is(finding.state, state);
    t.regex(finding.reason, reason);
  });
}

test("the kernel's tables", (t) => {
  const unix = [
    "Num       RefCount Protocol Flags    Type St Inode Path",
    "0000000000000000: 00000003 00000000 00000000 0001 03 111 /run/x.sock",
    "0000000000000000: 00000002 00000000 00010000 0001 01 222 /run/x.sock",
    "0000000000000000: 00000002 00000000 00010000 0001 01 333 /run/a folder/y.sock",
  ].join("\n");
  t.is(unixInode(unix, "/run/x.sock"), "222");
  t.is(unixInode(unix, "/run/a folder/y.sock"), "333");
  t.is(unixInode(unix, "/run/z.sock"), undefined);
  const rest = "00000000:00000000 00:00000000 00000000     0        0 444 1";
  t.deepEqual(
    tcpListeners(`head\n   0: 0100007F:0949 00000000:0000 0A ${rest}\n   1: 0100007F:1000 0100007F:1001 01 ${rest}`),
    [{ address: "127.0.0.1:2377", inode: "444" }],
  );
  t.deepEqual(tcpListeners(`   0: ${"0".repeat(32)}:0949 ${"0".repeat(32)}:0000 0A ${rest}`), [
    { address: "[::]:2377", inode: "444" },
  ]);
  t.deepEqual(
    readStatus("Uid:\t0\t99\t0\t0\nCapInh:\t0\nCapPrm:\t00000000000000ff\nCapEff:\t0\nCapAmb:\t0\nNoNewPrivs:\t1\n"),
    {
      uid: 99,
      capabilities: 0xffn,
      noNewPrivileges: true,
    },
  );
});

test("the process behind a socket is found, with what it listens at", async (t) => {
  const path = join(t.context.stateDir, "own.sock");
  const unix = createServer().listen(path);
  const tcp = createServer().listen(0, "127.0.0.1");
  await Promise.all(
    [unix, tcp].map((server) => new Promise((done) => (server.listening ? done(0) : server.once("listening", done)))),
  );
  t.teardown(() => {
    unix.close();
    tcp.close();
  });
  const found = processAt(path);
  t.like(found, { pid: process.pid, uid: process.geteuid?.() });
  t.true(found!.listeners.includes(`127.0.0.1:${(tcp.address() as { port: number }).port}`));
  t.is(processAt(`${path}x`), undefined);
});

test("every security probe is documented", (t) => {
  const section = documentText().split("### `tsctl doctor`")[1]!.split(/^### /m)[0]!;
  const rows = [...section.matchAll(/^\| ([^|]+) \| (.+) \|$/gm)].map(([, name, meaning]) => [name, meaning]);
  const probes = SECURITY_PROBES.map(({ name, describe }) => [name, describe]);
  t.deepEqual(
    rows.filter(([name]) => probes.some(([known]) => known === name)),
    probes,
  );
});
