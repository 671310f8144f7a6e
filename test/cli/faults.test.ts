/** What people do wrong and what goes wrong: one line each, the right status, and nothing sent. */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import anyTest, { type TestFn } from "ava";
import { TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { HOST1, processService, SHOP, taskOf } from "./fixtures.js";
import { Peer, Refusal } from "./peer.js";
import { start, tsctl } from "./run.js";

interface Context {
  peer: Peer;
  directory: string;
}
const test = anyTest as TestFn<Context>;

test.beforeEach(async (t) => {
  const peer = await Peer.start();
  peer.nodes = [HOST1];
  peer.networks = [SHOP];
  peer.services = [processService("web")];
  t.context = { peer, directory: mkdtempSync(join(tmpdir(), "tswarm-faults-")) };
});
test.afterEach.always((t) => {
  t.context.peer?.stop();
  if (t.context.directory) rmSync(t.context.directory, { recursive: true, force: true });
});

const wrongUsage: readonly (readonly [readonly string[], RegExp])[] = [
  [["nod", "ls"], /unknown command 'nod' \(Did you mean node\?\); see tsctl --help/],
  [["node", "lss"], /unknown command 'lss' \(Did you mean ls\?\); see tsctl node --help/],
  [["node", "ls", "--formt", "json"], /unknown option '--formt' \(Did you mean --format\?\); see tsctl node ls --help/],
  [["node", "ls", "--format", "yaml"], /--format: "yaml" is not one of table, json/],
  [["node", "ls", "--format"], /option '--format <format>' argument missing/],
  [["node", "ls", "extra"], /too many arguments/],
  [
    ["node", "ls", "-s", "nonsense"],
    /--socket: "nonsense" is neither the path of a socket \(with a slash\) nor HOST:PORT/,
  ],
  [["node", "ls", "--timeout", "0"], /--timeout: 0 leaves no time/],
  [["node", "ls", "-q", "--format", "json"], /--quiet prints bare ids/],
  [["node", "inspect"], /missing required argument 'node'/],
  [["service", "create", "--name", "x"], /nothing to run/],
  [["service", "create", "--", "true"], /--name: a service needs a name/],
  [
    ["service", "create", "--name", "x", "--network", "shop", "--publish", "0:80", "--", "true"],
    /--publish: "0:80": "0" is not a port/,
  ],
  [["service", "create", "--name", "x", "--limit-memory", "1x", "--", "true"], /--limit-memory: "1x" is not a size/],
  [["service", "create", "--name", "x", "--verify", "soon", "--", "true"], /--verify: "soon" is not a duration/],
  [["cluster", "update"], /nothing to change/],
  [["cluster", "update", "--autolock=maybe"], /--autolock: "maybe" is not one of true, false/],
  [["cluster", "update", "--snapshot-interval", "0"], /--snapshot-interval: "0" is not a whole number of at least 1/],
  [["cluster", "unlock", "SWMKEY-1-x"], /too many arguments/],
  [["cluster", "unlock-key", "-q", "--format", "json"], /--quiet prints the bare key/],
  [["node", "update", "host1"], /nothing to change/],
  [["node", "update", "host1", "--role", "king"], /--role: "king" is not one of manager, worker/],
  [["node", "update", "host1", "--label-rm", "rack"], /--label-rm: the node has no label rack/],
  [["node", "promote"], /missing required argument 'node'/],
  [["service", "scale", "web"], /"web" is not SERVICE=REPLICAS/],
  [["service", "update", "web"], /nothing to change/],
  [["service", "update", "web", "--rollback", "--force"], /--rollback: .* no other change/],
  [["service", "update", "web", "--publish-rm", "443"], /--publish-rm: the service does not publish 443\/tcp/],
  [["service", "ps", "web", "--filter", "state=up"], /--filter: "state=up" is not one of/],
  [["service", "ps", "web", "--filter", "desired-state=up"], /--filter desired-state: "up" is not one of/],
  [["network", "create", "shop", "--subnet", "10.0.0.0"], /--subnet: "10\.0\.0\.0" is not a subnet/],
  [
    ["network", "create", "--subnet", "10.0.0.0/8", "--subnet", "10.1.0.0/16", "x"],
    /--subnet: 10\.1\.0\.0\/16 overlaps 10\.0\.0\.0\/8/,
  ],
  [["network", "create", "--gateway", "10.0.0.1", "x"], /--gateway: there are more of them than of --subnet/],
  [["network", "create", "--subnet", "10.0.0.0/24", "--gateway", "10.0.1.1", "x"], /--gateway: 10\.0\.1\.1 is outside/],
  [
    ["network", "create", "--subnet", "10.0.0.0/24", "--ip-range", "10.0.1.0/25", "x"],
    /--ip-range: 10\.0\.1\.0\/25 is outside/,
  ],
  [["network", "create", "a b"], /NAME: "a b" is not a name/],
];

for (const [args, message] of wrongUsage) {
  test(`wrong usage: ${args.join(" ")}`, async (t) => {
    const outcome = await tsctl(t.context.peer, ...args);
    t.is(outcome.status, 2);
    t.is(outcome.stdout, "");
    t.regex(outcome.stderr, message);
    t.regex(outcome.stderr, /^tsctl: [^\n]+\n$/, "one line");
    const changes = t.context.peer.calls.filter(({ method }) => /^(create|update|remove)/.test(method));
    t.deepEqual(changes, [], "nothing is changed");
  });
}

test("help is no error, a group alone is", async (t) => {
  for (const args of [[], ["--help"], ["service", "create", "--help"], ["help", "service"]]) {
    const { status: code, stdout, stderr } = await tsctl(undefined, ...args);
    t.deepEqual([code, stderr], [0, ""]);
    t.regex(stdout, /^Usage: tsctl/);
  }
  const group = await tsctl(undefined, "service");
  t.deepEqual([group.status, group.stdout], [2, ""]);
  t.regex(group.stderr, /^Usage: tsctl service/);
});

test("no daemon", async (t) => {
  const socket = join(t.context.directory, "none.sock");
  const outcome = await tsctl(undefined, "node", "ls", "-s", socket);
  t.is(outcome.status, 1);
  t.is(outcome.stderr, `tsctl: Cannot connect to the tswarm daemon at ${socket}. Is tswarmd running?\n`);
});

test("a socket that nobody serves any more", async (t) => {
  const socket = join(t.context.directory, "dead.sock");
  const leaveBehind = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  t.is(spawnSync(process.execPath, ["-e", leaveBehind, socket]).signal, "SIGKILL");
  const outcome = await tsctl(undefined, "node", "ls", "-s", socket);
  t.is(outcome.status, 1);
  t.regex(outcome.stderr, /^tsctl: Cannot connect to the tswarm daemon at \S+\. Is tswarmd running\?\n$/);
});

test("a file that is no socket", async (t) => {
  const path = join(t.context.directory, "file");
  writeFileSync(path, "");
  const outcome = await tsctl(undefined, "node", "ls", "-s", path);
  t.is(outcome.status, 1);
  t.regex(
    outcome.stderr,
    /^tsctl: Cannot connect to the tswarm daemon at \S+(\. Is tswarmd running\?|: this file is not a socket[^\n]*)\n$/,
  );
});

const asRoot = process.getuid?.() === 0 ? test : test.skip;
asRoot("a socket that others own", async (t) => {
  chmodSync(t.context.peer.directory, 0o755);
  chmodSync(t.context.peer.socket, 0o600);
  const nobody = 65_534;
  const outcome = await start(["node", "ls"], { SWARM_SOCKET: t.context.peer.socket }, { uid: nobody }).outcome;
  t.is(outcome.status, 1);
  t.regex(
    outcome.stderr,
    /^tsctl: Cannot connect to the tswarm daemon at \S+: permission denied; run tsctl as root [^\n]*\n$/,
  );
});

test("something else serves the socket", async (t) => {
  const socket = join(t.context.directory, "other.sock");
  const server = await listen(socket, (client) => client.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
  try {
    const outcome = await tsctl(undefined, "node", "ls", "-s", socket);
    t.is(outcome.status, 1);
    t.regex(outcome.stderr, /^tsctl: \S+ is served, but not by tswarmd: [^\n]*\n$/);
  } finally {
    server.close();
  }
});

test("a daemon that never answers", async (t) => {
  const socket = join(t.context.directory, "mute.sock");
  const clients: Socket[] = [];
  const server = await listen(socket, (client) => clients.push(client));
  try {
    const outcome = await tsctl(undefined, "node", "ls", "-s", socket, "--timeout", "300ms");
    t.is(outcome.status, 1);
    t.is(
      outcome.stderr,
      `tsctl: tswarmd at ${socket} has not answered within less than a second (--timeout sets another limit)\n`,
    );
  } finally {
    for (const client of clients) client.destroy();
    server.close();
  }
});

test("the server's refusal is shown in its own words, on one line", async (t) => {
  const { peer } = t.context;
  peer.overrides.set("createService", () => {
    throw new Refusal(status.INVALID_ARGUMENT, "port 8080/tcp is already published\nby service web");
  });
  const outcome = await tsctl(peer, "service", "create", "--name", "x", "-p", "8080:80", "--", "true");
  t.deepEqual(outcome, { status: 1, stdout: "", stderr: "tsctl: port 8080/tcp is already published by service web\n" });
  peer.overrides.set("listNodes", () => {
    throw new Refusal(status.UNAVAILABLE, "the swarm does not have a leader");
  });
  t.is((await tsctl(peer, "node", "ls")).stderr, "tsctl: the swarm does not have a leader\n");
  peer.overrides.set("listNodes", () => {
    throw new Refusal(status.UNIMPLEMENTED, "unknown method");
  });
  t.is(
    (await tsctl(peer, "node", "ls")).stderr,
    `tsctl: tswarmd at ${peer.socket} does not know docker.swarmkit.v1.Control/ListNodes: unknown method\n`,
  );
});

test("an unknown network keeps a service from being made", async (t) => {
  const outcome = await tsctl(t.context.peer, "service", "create", "--name", "x", "--network", "no-such", "--", "true");
  t.deepEqual(outcome, { status: 1, stdout: "", stderr: "tsctl: no such network: no-such\n" });
  t.deepEqual(t.context.peer.requests("createService"), []);
});

test("a service that others change all the time is given up", async (t) => {
  t.context.peer.overrides.set("updateService", () => {
    throw new Refusal(status.UNKNOWN, "update out of sequence");
  });
  const outcome = await tsctl(t.context.peer, "service", "scale", "web=5");
  t.is(outcome.status, 1);
  t.is(outcome.stderr, "tsctl: service web is changed by others all the time: gave up after 10 tries\n");
});

test("a reason why tasks do not start is told, and Ctrl-C leaves the service", async (t) => {
  const { peer } = t.context;
  const stuck = taskOf(processService("web"), 1, TaskState.PENDING, {
    nodeId: "",
    err: "no suitable node (node is full)",
  });
  peer.tasks = () => [stuck];
  const running = start(["service", "scale", "web=1"], { SWARM_SOCKET: peer.socket });
  await running.untilError("web.1: pending (no suitable node (node is full))\n");
  running.signal("SIGINT");
  const outcome = await running.outcome;
  t.is(outcome.status, 130);
  t.true(
    outcome.stderr.endsWith('no longer waiting: service web stays as asked; "tsctl service ps web" shows it\n'),
    outcome.stderr,
  );
  t.is(peer.services.length, 1);
});

test("an update that the cluster pauses fails", async (t) => {
  const { peer } = t.context;
  peer.overrides.set("getService", () => ({
    service: {
      ...peer.services[0]!,
      updateStatus: { state: 2, message: "task web.1 failed", startedAt: undefined, completedAt: undefined },
    },
  }));
  const outcome = await tsctl(peer, "service", "update", "web", "--force");
  t.is(outcome.status, 1);
  t.is(outcome.stderr, "tsctl: the update of service web is paused: task web.1 failed\n");
});

test("a service that is removed while it is waited for", async (t) => {
  const { peer } = t.context;
  const running = start(["service", "scale", "web=1"], { SWARM_SOCKET: peer.socket });
  await running.untilError("0 of 1 tasks running");
  peer.services = [];
  const outcome = await running.outcome;
  t.is(outcome.status, 1);
  t.regex(outcome.stderr, /tsctl: service \S+ not found\n$/);
});

test("version succeeds without a daemon and says why there is none", async (t) => {
  const outcome = await tsctl(undefined, "version", "-s", join(t.context.directory, "none.sock"));
  t.is(outcome.status, 0);
  t.regex(outcome.stdout, /^Client:\n {2}Version: +\d/);
  t.regex(outcome.stderr, /^tsctl: Cannot connect to the tswarm daemon at/);
});

test("a reader that goes away ends tsctl in silence", (t) => {
  const text = execFileSync(
    "sh",
    [
      "-c",
      `"$0" "$1" --help | head -n 1`,
      process.execPath,
      new URL("../../src/cli/main.js", import.meta.url).pathname,
    ],
    {
      encoding: "utf8",
    },
  );
  t.is(text, "Usage: tsctl [options] [command]\n");
});

function listen(path: string, onClient: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((client) => {
      // tsctl cuts the connection when it gives up: that is no fault of the test.
      client.on("error", (error: NodeJS.ErrnoException) =>
        client.destroy(error.code === "ECONNRESET" ? undefined : error),
      );
      onClient(client);
    }).once("error", reject);
    server.listen(path, () => resolve(server));
  });
}
