/** init, join, leave and what is said when no manager answers: against a daemon that speaks the real protocol. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import anyTest, { type TestFn } from "ava";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { LocalNodeState } from "../../src/api/generated/tswarm/v1/node.js";
import { joinToken } from "../../src/security/pki/join-token.js";
import { makeRootCa } from "../../src/security/pki/root-ca.js";
import { id } from "./fixtures.js";
import { NodePeer } from "./node-peer.js";
import { Refusal } from "./peer.js";
import { type Outcome, start } from "./run.js";

const test = anyTest as TestFn<{ daemon: NodePeer; directory: string }>;
const TOKEN = joinToken(makeRootCa(Date.now()).certificatePem);
const KEY = "SWMKEY-1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

test.beforeEach(async (t) => {
  t.context.daemon = await NodePeer.start();
  t.context.directory = mkdtempSync(join(tmpdir(), "tswarm-member-"));
});

test.afterEach.always((t) => {
  t.context.daemon?.stop();
  rmSync(t.context.directory, { recursive: true, force: true });
});

function run(daemon: NodePeer, args: readonly string[], input?: string): Promise<Outcome> {
  return start(args, { TSWARM_HOST: daemon.control }, input === undefined ? {} : { input }).outcome;
}

function acceptInit(daemon: NodePeer, more: object = {}): void {
  daemon.answers.set("init", () => ({
    nodeId: id("n1"),
    managerAddr: "10.0.0.1:2377",
    workerJoinToken: TOKEN,
    managerJoinToken: `${TOKEN.slice(0, -1)}z`,
    unlockKey: "",
    ...more,
  }));
}

test("init prints the line that joins others", async (t) => {
  const { daemon } = t.context;
  acceptInit(daemon);
  const outcome = await run(daemon, ["init", "--advertise-addr", "eth0:7777"]);
  t.deepEqual(outcome, {
    status: 0,
    stderr: "",
    stdout: `Swarm initialized: current node (${id("n1")}) is now a manager.

To add a worker to this swarm, run the following command:

    tsctl join --token ${TOKEN} 10.0.0.1:2377

To add a manager to this swarm, run 'tsctl join-token manager' and follow the instructions.

`,
  });
  t.like(daemon.requests("init")[0], { advertiseAddr: "eth0:7777", listenAddr: "", spec: undefined });
});

test("every flag of init reaches the daemon", async (t) => {
  const { daemon, directory } = t.context;
  acceptInit(daemon, { unlockKey: KEY });
  const root = join(directory, "ca.pem");
  writeFileSync(root, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  const {
    status: code,
    stdout,
    stderr,
  } = await run(daemon, [
    ...["init", "--listen-addr", "eth1:2377", "--data-path-addr", "eth2", "--data-path-port", "4790"],
    ...["--default-addr-pool", "10.20.0.0/16,10.30.0.0/16", "--default-addr-pool", "10.40.0.0/16"],
    ...["--default-addr-pool-mask-length", "26", "--autolock", "--availability", "drain", "--cert-expiry", "48h"],
    ...[
      "--dispatcher-heartbeat",
      "3s",
      "--external-ca",
      `protocol=cfssl,url=https://ca:8888/sign,cacert=${root},label=x`,
    ],
    ...["--force-new-cluster", "--max-snapshots", "2", "--snapshot-interval", "500", "--task-history-limit", "7"],
  ]);
  t.is(code, 0, stderr);
  t.true(
    stdout.endsWith(
      `provide the following key:\n\n    ${KEY}\n\nRemember to store this key in a password manager, since without it you\nwill not be able to restart the manager.\n`,
    ),
    stdout,
  );
  t.regex(stdout, /run the `tsctl unlock`\ncommand/);
  const [request] = daemon.requests("init");
  t.like(request, {
    listenAddr: "eth1:2377",
    dataPathAddr: "eth2",
    dataPathPort: 4790,
    defaultAddrPool: ["10.20.0.0/16", "10.30.0.0/16", "10.40.0.0/16"],
    defaultAddrPoolMaskLength: 26,
    availability: 2,
    forceNewCluster: true,
  });
  t.like((request as { spec: object }).spec, {
    encryptionConfig: { autoLockManagers: true },
    dispatcher: { heartbeatPeriod: { seconds: 3, nanos: 0 } },
    orchestration: { taskHistoryRetentionLimit: 7 },
    raft: {
      snapshotInterval: 500,
      keepOldSnapshots: 2,
      logEntriesForSlowFollowers: 500,
      heartbeatTick: 1,
      electionTick: 10,
    },
    caConfig: {
      nodeCertExpiry: { seconds: 172_800, nanos: 0 },
      externalCas: [{ protocol: 0, url: "https://ca:8888/sign", options: { label: "x" }, caCert: readFileSync(root) }],
    },
  });
});

const BAD_INIT: readonly (readonly [readonly string[], RegExp])[] = [
  [["--cert-expiry", "59m"], /--cert-expiry: "59m" is too short: a certificate is valid for at least 1h/],
  [["--default-addr-pool", "10.0.0.1/8"], /--default-addr-pool: .* write 10\.0\.0\.0\/8/],
  [
    ["--default-addr-pool-mask-length", "33"],
    /--default-addr-pool-mask-length: "33" is not a whole number from 1 to 32/,
  ],
  [["--data-path-port", "80"], /--data-path-port: "80" is not a port from 1024 to 49151/],
  [["--availability", "down"], /--availability: "down" is not one of active, pause, drain/],
  [["--external-ca", "url=https://ca"], /--external-ca: it needs protocol=cfssl/],
  [["--external-ca", "protocol=acme,url=https://ca"], /"acme" is not a protocol/],
  [["--external-ca", "protocol=cfssl,url=ca:8888"], /it needs url=https:\/\//],
  [["--external-ca", "protocol=cfssl,url=https://ca,cacert=/nonexistent"], /cannot read \/nonexistent/],
  [["--dispatcher-heartbeat", "0"], /leaves no time/],
  [["--snapshot-interval", "0"], /whole number of at least 1/],
  [["-s", "10.0.0.1:2377"], /10\.0\.0\.1:2377 is no unix socket/],
];

for (const [flags, message] of BAD_INIT) {
  test(`wrong usage: init ${flags.join(" ")}`, async (t) => {
    const { daemon } = t.context;
    const { status: code, stderr } = await run(daemon, ["init", ...flags]);
    t.is(code, 2);
    t.regex(stderr, message);
    t.deepEqual(daemon.calls, []);
  });
}

test("init on a member is refused in Docker's words; other refusals in the daemon's", async (t) => {
  const { daemon } = t.context;
  daemon.answers.set("init", () => {
    throw new Refusal(status.FAILED_PRECONDITION, "in the way");
  });
  t.is((await run(daemon, ["init"])).stderr, "tsctl: in the way\n");
  daemon.info = { state: LocalNodeState.NODE_ACTIVE };
  t.deepEqual(await run(daemon, ["init"]), {
    status: 1,
    stdout: "",
    stderr:
      'tsctl: This node is already part of a swarm. Use "tsctl leave" to leave this swarm and join another one.\n',
  });
  daemon.answers.set("init", () => {
    throw new Refusal(status.INVALID_ARGUMENT, "could not choose an IP address to advertise: 10.0.0.1, 10.1.0.1");
  });
  t.is(
    (await run(daemon, ["init"])).stderr,
    "tsctl: could not choose an IP address to advertise: 10.0.0.1, 10.1.0.1\n",
  );
});

test("join: by argument, by file, by standard input; one manager or several", async (t) => {
  const { daemon, directory } = t.context;
  daemon.answers.set("join", () => ({ nodeId: id("n2"), role: NodeRole.WORKER }));
  const file = join(directory, "token");
  writeFileSync(file, `${TOKEN}\n`);
  const joined = { status: 0, stderr: "", stdout: "This node joined a swarm as a worker.\n" };
  t.deepEqual(await run(daemon, ["join", "--token", TOKEN, "10.0.0.1:2377"]), joined);
  t.deepEqual(await run(daemon, ["join", "--token-file", file, "10.0.0.1,[fd00::1]:9,host2"]), joined);
  t.deepEqual(
    await run(
      daemon,
      ["join", "--token-file", "-", "--availability", "pause", "--advertise-addr", "eth0", "a:1", "b:2"],
      `${TOKEN}\n`,
    ),
    joined,
  );
  const requests = daemon.requests("join");
  t.deepEqual(
    requests.map(({ remoteAddrs }) => remoteAddrs),
    [["10.0.0.1:2377"], ["10.0.0.1:2377", "[fd00::1]:9", "host2:2377"], ["a:1", "b:2"]],
  );
  t.true(requests.every(({ joinToken }) => joinToken === TOKEN));
  t.like(requests[2], { availability: 1, advertiseAddr: "eth0" });
});

test("join as a manager says so, also as JSON", async (t) => {
  const { daemon } = t.context;
  daemon.answers.set("join", () => ({ nodeId: id("n2"), role: NodeRole.MANAGER }));
  const args = ["join", "--token", TOKEN, "10.0.0.1:2377"];
  t.is((await run(daemon, args)).stdout, "This node joined a swarm as a manager.\n");
  t.deepEqual(JSON.parse((await run(daemon, [...args, "--format", "json"])).stdout), {
    nodeId: id("n2"),
    role: "manager",
  });
});

test("what the joining waits for is told; Ctrl-C ends the waiting alone", async (t) => {
  const { daemon } = t.context;
  daemon.info = { state: LocalNodeState.NODE_PENDING, error: "no manager answers at 10.0.0.1:2377" };
  daemon.answers.set("join", () => new Promise<object>(() => undefined));
  const running = start(["join", "--token", TOKEN, "10.0.0.1"], { TSWARM_HOST: daemon.control });
  await running.untilError("joining: no manager answers at 10.0.0.1:2377\n");
  running.signal("SIGINT");
  const { status: code, stdout, stderr } = await running.outcome;
  t.deepEqual([code, stdout], [130, ""]);
  t.regex(stderr, /no longer waiting: the daemon may still be trying, "tsctl info" shows/);
});

test("a join that takes too long", async (t) => {
  const { daemon } = t.context;
  daemon.answers.set("join", () => new Promise<object>(() => undefined));
  const { status: code, stderr } = await run(daemon, ["join", "--token", TOKEN, "a", "--timeout", "200ms"]);
  t.is(code, 1);
  t.regex(stderr, /^tsctl: Timeout was reached before node joined; the daemon may still be trying/);
});

const BAD_JOIN: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["no token", ["10.0.0.1:2377"], /--token or --token-file is needed/],
  ["both", ["--token", TOKEN, "--token-file", "x", "a"], /not both/],
  ["a broken token", ["--token", TOKEN.slice(0, -1), "a"], /invalid join token/],
  ["a token as address", ["--token", TOKEN, TOKEN], /not the HOST:PORT of a manager/],
  ["a token in a flag that is none", ["--tokne", TOKEN, `--tokne=${TOKEN}`, "a"], /unknown option '--tokne'/],
  ["a bad port", ["--token", TOKEN, "a:70000"], /not the HOST:PORT/],
];

for (const [title, args, message] of BAD_JOIN) {
  test(`wrong usage of join: ${title}; the token is not repeated`, async (t) => {
    const { daemon } = t.context;
    const { status: code, stdout, stderr } = await run(daemon, ["join", ...args]);
    t.is(code, 2);
    t.regex(stderr, message);
    t.false((stdout + stderr).includes(TOKEN.slice(9, 40)), stderr);
    t.deepEqual(daemon.calls, []);
  });
}

test("a refusal that repeats the token is shown without it", async (t) => {
  const { daemon } = t.context;
  daemon.answers.set("join", ({ joinToken: token }: { joinToken: string }) => {
    throw new Refusal(status.INVALID_ARGUMENT, `no such token: ${token}`);
  });
  const { stderr } = await run(daemon, ["join", "--token", TOKEN, "a"]);
  t.is(stderr, "tsctl: no such token: SWMTKN-…\n");
});

test("leave", async (t) => {
  const { daemon } = t.context;
  daemon.info = { state: LocalNodeState.NODE_ACTIVE, nodeId: id("n1") };
  daemon.answers.set("leave", () => ({}));
  t.deepEqual(await run(daemon, ["leave"]), { status: 0, stdout: "Node left the swarm.\n", stderr: "" });
  t.deepEqual(JSON.parse((await run(daemon, ["cluster", "leave", "--force", "--format", "json"])).stdout), {
    nodeId: id("n1"),
  });
  t.deepEqual(daemon.requests("leave"), [{ force: false }, { force: true }]);
  daemon.answers.set("leave", () => {
    throw new Refusal(
      status.FAILED_PRECONDITION,
      "You are attempting to leave the swarm on a node that is participating as a manager.",
    );
  });
  t.regex((await run(daemon, ["leave"])).stderr, /^tsctl: You are attempting to leave the swarm/);
});

const AWAY: readonly (readonly [string, NodePeer["info"], RegExp])[] = [
  [
    "in no swarm",
    { state: LocalNodeState.NODE_INACTIVE },
    /^tsctl: This node is not a swarm manager\. Use "tsctl init" or "tsctl join" to connect this node to swarm and try again\.\n$/,
  ],
  [
    "a worker",
    { state: LocalNodeState.NODE_ACTIVE, role: NodeRole.WORKER },
    /^tsctl: This node is not a swarm manager\. Worker nodes can't be used to view or modify cluster state\. Please run this command on a manager node or promote the current node to a manager\.\n$/,
  ],
  [
    "locked",
    { state: LocalNodeState.NODE_LOCKED, role: NodeRole.MANAGER },
    /needs to be unlocked before it can be used/,
  ],
  ["joining", { state: LocalNodeState.NODE_PENDING }, /this node is not ready: it joins/],
  ["failed", { state: LocalNodeState.NODE_ERROR, error: "bad certificate" }, /this node has failed: bad certificate/],
  [
    "a manager without its process",
    { state: LocalNodeState.NODE_ACTIVE, role: NodeRole.MANAGER, error: "its process ended" },
    /the manager of this node does not answer: its process ended/,
  ],
];

for (const [title, info, message] of AWAY) {
  test(`no manager answers: the node is ${title}`, async (t) => {
    t.context.daemon.info = info;
    const { status: code, stdout, stderr } = await run(t.context.daemon, ["node", "ls"]);
    t.deepEqual([code, stdout], [1, ""]);
    t.regex(stderr, message);
  });
}

test("no daemon either", async (t) => {
  const control = join(t.context.directory, "manager", "swarmd.sock");
  const node = join(t.context.directory, "tswarmd.sock");
  const at = (...args: string[]) => start(args, { SWARM_SOCKET: control }).outcome;
  t.is(
    (await at("node", "ls")).stderr,
    `tsctl: Cannot connect to the tswarm daemon at ${control}. Is tswarmd running?\n`,
  );
  t.is((await at("init")).stderr, `tsctl: Cannot connect to the tswarm daemon at ${node}. Is tswarmd running?\n`);
});

test("info of a node that is no manager", async (t) => {
  const { daemon } = t.context;
  t.is((await run(daemon, ["info"])).stdout, "Swarm:  inactive\n");
  daemon.info = {
    state: LocalNodeState.NODE_ACTIVE,
    nodeId: id("n2"),
    nodeAddr: "10.0.0.2",
    managers: [{ nodeId: id("n1"), addr: "10.0.0.1:2377" }],
  };
  const { stdout } = await run(daemon, ["info"]);
  t.regex(stdout, /^Swarm: +active$/m);
  t.regex(stdout, /^Is Manager: +false$/m);
  t.regex(stdout, /^Manager Addresses:\n {2}10\.0\.0\.1:2377$/m);
  t.deepEqual(JSON.parse((await run(daemon, ["info", "--format", "json"])).stdout), {
    state: "active",
    error: "",
    nodeId: id("n2"),
    nodeAddr: "10.0.0.2",
    controlAvailable: false,
    managers: [{ nodeId: id("n1"), addr: "10.0.0.1:2377" }],
  });
});
