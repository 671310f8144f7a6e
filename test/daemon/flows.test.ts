/** A node's ways into clusters and out of them, with real daemons: what is left where, who runs as whom, and what crashes leave. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { nodeStates, removeNode } from "../../scripts/fabric/control-client.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { type InitClusterResponse, LocalNodeState } from "../../src/api/generated/tswarm/v1/node.js";
import { type DaemonHost, DaemonHosts, succeeds, until } from "./daemon-host.js";

const asRoot = process.getuid?.() === 0 ? test.serial : test.serial.skip;

async function refused(t: ExecutionContext, work: Promise<unknown>, code: status, details: string | RegExp) {
  const error = await t.throwsAsync<Error & ServiceError>(work);
  t.is(error?.code, code, error?.message);
  if (typeof details === "string") t.is(error?.details, details);
  else t.regex(error?.details ?? "", details);
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

/** User ids of the manager's process on a host: real, effective, saved, file system. */
function managerProcess(host: DaemonHost): { readonly status: string; readonly environment: string } {
  const pid = readdirSync("/proc").find((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, "utf8").split("\0");
      return words[0] === process.execPath && words.includes(join(host.stateDir, "manager"));
    } catch {
      return false;
    }
  });
  if (pid === undefined) throw new Error(`no manager runs on ${host.host.name}`);
  return {
    status: readFileSync(`/proc/${pid}/status`, "utf8"),
    environment: readFileSync(`/proc/${pid}/environ`, "utf8"),
  };
}

asRoot("init, joins by token, promotion, leaving: as Docker says it", async (t) => {
  t.timeout(240_000);
  const { hosts } = new DaemonHosts(t, `f${process.pid % 10000}`, 3);
  const [one, two, three] = hosts as [DaemonHost, DaemonHost, DaemonHost];
  await Promise.all(hosts.map((host) => host.start()));
  t.like(await one.node.info(), { state: LocalNodeState.NODE_INACTIVE, nodeId: "", hostname: "h1" });
  t.is(modeOf(one.node.socket), "600");
  await refused(t, one.node.leave(), status.FAILED_PRECONDITION, "This node is not part of a swarm");

  // What cannot be leaves nothing.
  await refused(
    t,
    one.node.init({ advertiseAddr: "eth9" }),
    status.INVALID_ARGUMENT,
    /^eth9: advertise address must be/,
  );
  await refused(t, one.node.init({ dataPathPort: 80 }), status.INVALID_ARGUMENT, /1024 to 49151/);
  await refused(
    t,
    one.node.init({ defaultAddrPool: ["10.0.0.0/8", "10.1.0.0/16"] }),
    status.INVALID_ARGUMENT,
    /overlap/,
  );
  t.deepEqual(one.files(), []);

  const begun = await one.node.init({ advertiseAddr: "eth0", dataPathPort: 4790 });
  t.is(begun.managerAddr, `${one.host.address}:2377`);
  t.like(await one.node.info(), {
    state: LocalNodeState.NODE_ACTIVE,
    nodeId: begun.nodeId,
    role: NodeRole.MANAGER,
    controlAvailable: true,
    managerUser: "nobody",
  });
  await refused(
    t,
    one.node.init(),
    status.FAILED_PRECONDITION,
    'This node is already part of a swarm. Use "tsctl leave" to leave this swarm and join another one.',
  );

  // Two processes, two certificates; each is its owner's alone.
  const { uid } = statSync(join(one.stateDir, "manager"));
  t.is(uid, Number(execFileSync("id", ["-u", "nobody"], { encoding: "utf8" })));
  for (const folder of [join(one.stateDir, "certificates"), join(one.stateDir, "manager", "certificates")]) {
    t.is(modeOf(folder), "700");
    for (const file of readdirSync(folder)) t.is(modeOf(join(folder, file)), "600", file);
  }
  t.is(statSync(join(one.stateDir, "manager", "certificates", "swarm-node.key")).uid, uid);
  t.is(modeOf(join(one.stateDir, "membership.json")), "600");
  const { status: credentials, environment } = managerProcess(one);
  t.regex(credentials, new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, "m"));
  t.regex(credentials, /^Groups:\t *$/m);
  t.regex(credentials, /^CapPrm:\t0+$/m);
  t.regex(credentials, /^CapBnd:\t0+$/m);
  t.regex(credentials, /^NoNewPrivs:\t1$/m);
  t.deepEqual(
    environment
      .split("\0")
      .filter(Boolean)
      .map((entry) => entry.split("=")[0])
      .filter((name) => !["PATH", "LANG", "LC_ALL", "TZ"].includes(name!)),
    [],
  );
  t.deepEqual(readdirSync(join(one.stateDir, "manager")).sort(), ["certificates", "raft"]);

  await joins(t, one, two, three, begun);
});

async function joins(
  t: ExecutionContext,
  one: DaemonHost,
  two: DaemonHost,
  three: DaemonHost,
  begun: InitClusterResponse,
): Promise<void> {
  const at = { remoteAddrs: [one.host.address] };
  const wrong = begun.workerJoinToken.replace(/.{25}$/, "0".repeat(25));
  await refused(
    t,
    two.node.join({ ...at, joinToken: wrong }),
    status.INVALID_ARGUMENT,
    "A valid join token is necessary to join this cluster",
  );
  await refused(t, two.node.join({ ...at, joinToken: "SWMTKN-1-a-b" }), status.INVALID_ARGUMENT, /^invalid join token/);
  await refused(t, two.node.join({ joinToken: wrong }), status.INVALID_ARGUMENT, /at least 1 RemoteAddr/);
  const foreign = begun.workerJoinToken.replace(
    /-(.)(.{49})-/,
    (_, first, rest) => `-${first === "1" ? "2" : "1"}${rest}-`,
  );
  await refused(
    t,
    two.node.join({ ...at, joinToken: foreign }),
    status.FAILED_PRECONDITION,
    /^remote CA does not match fingerprint\. Expected: /,
  );
  t.deepEqual(two.files(), [], "nothing stays of what failed");

  const joined = await two.node.join({ ...at, joinToken: begun.workerJoinToken });
  t.is(joined.role, NodeRole.WORKER);
  t.deepEqual(two.files("manager"), [], "a worker has no manager");
  t.like(await two.node.info(), { state: LocalNodeState.NODE_ACTIVE, role: NodeRole.WORKER, controlAvailable: false });
  await until("it carries overlays by the cluster's port", () => /UDP port 4790/.test(two.log));
  t.is((await three.node.join({ ...at, joinToken: begun.managerJoinToken })).role, NodeRole.MANAGER);
  t.true((await three.node.info()).controlAvailable);
  const ready = async () => (await nodeStates(one.control)).filter(({ isReady }) => isReady).length;
  await until("all are ready", async () => (await ready()) === 3);

  await removed(t, one, two, begun.workerJoinToken);

  // Without any flag, as after a reboot.
  const { nodeId } = await two.node.info();
  for (const host of [two, three]) await host.stop();
  await Promise.all([two.start(), three.start()]);
  t.like(await two.node.info(), { state: LocalNodeState.NODE_ACTIVE, nodeId });
  await until("it manages again", async () => (await three.node.info()).controlAvailable);

  // Out again: a worker, a manager whom the others can do without, and the last one.
  await two.node.leave();
  t.deepEqual(two.files(), []);
  t.is((await two.node.info()).state, LocalNodeState.NODE_INACTIVE);
  await until("somebody leads again", () => succeeds(removeNode(one.control, nodeId)));
  await until("the log has both", async () => (await one.node.info()).managers.length === 2);
  await three.node.leave();
  t.deepEqual(three.files(), []);
  await refused(
    t,
    one.node.leave(),
    status.FAILED_PRECONDITION,
    "You are attempting to leave the swarm on a node that is participating as a manager. Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. ",
  );
  await one.node.leave(true);
  t.deepEqual(one.files(), []);
  t.false(one.log.includes(begun.workerJoinToken.slice(-25)), "no secret is in any log");
  t.false(one.log.includes(begun.managerJoinToken.slice(-25)));
}

/** A node that the cluster has removed says so, stays out, and comes again as another. */
async function removed(t: ExecutionContext, one: DaemonHost, two: DaemonHost, joinToken: string): Promise<void> {
  const { nodeId } = await two.node.info();
  await removeNode(one.control, nodeId);
  await until("it has heard of it", async () => (await two.node.info()).state === LocalNodeState.NODE_ERROR);
  t.regex((await two.node.info()).error, /^the cluster has removed this node: "tsctl leave"/);
  await two.stop();
  await two.start();
  await until("it is told again", async () => (await two.node.info()).state === LocalNodeState.NODE_ERROR);
  await two.node.leave();
  t.deepEqual(two.files(), []);
  const again = await two.node.join({ remoteAddrs: [one.host.address], joinToken });
  t.not(again.nodeId, nodeId);
}

/** Parts of the state folder in the order in which they come to be. */
const STEPS: readonly (readonly [string, (host: DaemonHost) => boolean])[] = [
  ["once it is under way", (host) => host.files().includes("joining")],
  ["when the manager has its folder", (host) => host.files().includes("manager")],
  ["when the manager has its key", (host) => host.files("manager").includes("certificates")],
  ["when the manager has a log", (host) => host.files("manager").includes("raft")],
  ["when the agent has its folder", (host) => host.files().includes("certificates")],
  ["when it is a member", (host) => host.files().includes("membership.json")],
];

asRoot("whenever an init is cut short, the next start finishes it or has forgotten it", async (t) => {
  t.timeout(300_000);
  const { hosts } = new DaemonHosts(t, `c${process.pid % 10000}`, 1);
  const [host] = hosts as [DaemonHost];
  for (const [title, isThere] of STEPS) {
    await host.start();
    const init = host.node.init().catch(() => undefined);
    await until(title, () => isThere(host));
    await host.stop("SIGKILL");
    await init;
    await host.start();
    const { state, nodeId } = await host.node.info();
    if (state === LocalNodeState.NODE_INACTIVE) t.deepEqual(host.files(), [], title);
    else {
      t.is(state, LocalNodeState.NODE_ACTIVE, title);
      t.not(nodeId, "");
      await until(`${title}: it manages`, async () => (await host.node.info()).controlAvailable);
    }
    await host.leave();
    t.deepEqual(host.files(), [], title);
  }
});

/** Of a manager's join. */
const JOIN_STEPS: typeof STEPS = [
  ["once it is under way", (host) => host.files().includes("joining")],
  ["when the agent has its certificate", (host) => host.files("certificates").includes("swarm-node.key")],
  ["when it is a member", (host) => host.files().includes("membership.json")],
  ["when the manager has its key", (host) => host.files("manager/certificates").includes("swarm-node.key")],
  ["when the manager has a log", (host) => host.files("manager").includes("raft")],
];

asRoot("whenever a join is cut short, the next start finishes it or has forgotten it", async (t) => {
  t.timeout(300_000);
  const { hosts } = new DaemonHosts(t, `j${process.pid % 10000}`, 2);
  const [one, two] = hosts as [DaemonHost, DaemonHost];
  await one.start();
  const { managerJoinToken } = await one.node.init();
  for (const [title, isThere] of JOIN_STEPS) {
    await two.start();
    const join = two.node.join({ remoteAddrs: [one.host.address], joinToken: managerJoinToken }).catch(() => undefined);
    await until(title, () => isThere(two));
    await two.stop("SIGKILL");
    await join;
    await two.start();
    const { state } = await two.node.info();
    if (state === LocalNodeState.NODE_INACTIVE) t.deepEqual(two.files(), [], title);
    else {
      await until(`${title}: it manages`, async () => (await two.node.info()).controlAvailable);
      await until(`${title}: the others can do without it`, () => succeeds(two.node.leave()));
      await until(`${title}: they do`, async () => (await one.node.info()).managers.length === 1);
    }
    await two.stop();
    t.deepEqual(two.files(), [], title);
  }
});

asRoot("a manager that outlived the others begins the cluster anew, with its nodes and tokens", async (t) => {
  t.timeout(240_000);
  const { hosts } = new DaemonHosts(t, `n${process.pid % 10000}`, 2);
  const [one, two] = hosts as [DaemonHost, DaemonHost];
  await Promise.all(hosts.map((host) => host.start()));
  await refused(
    t,
    one.node.init({ forceNewCluster: true }),
    status.FAILED_PRECONDITION,
    "This node is not part of a swarm",
  );
  const begun = await one.node.init();
  const at = { remoteAddrs: [one.host.address] };
  await two.node.join({ ...at, joinToken: begun.managerJoinToken });
  await two.leave();
  const anew = await one.node.init({ forceNewCluster: true });
  t.like(anew, { nodeId: begun.nodeId, managerAddr: begun.managerAddr, workerJoinToken: begun.workerJoinToken });
  await two.start();
  t.is((await two.node.join({ ...at, joinToken: anew.managerJoinToken })).role, NodeRole.MANAGER);
});

asRoot("by flags, for scripts: the token is in a file, and flags that were obeyed are not obeyed again", async (t) => {
  t.timeout(180_000);
  const { hosts, directory } = new DaemonHosts(t, `s${process.pid % 10000}`, 2);
  const [one, two] = hosts as [DaemonHost, DaemonHost];
  await one.start("--init", "--advertise-addr", "eth0:2377");
  await until("it manages", async () => (await one.node.info()).controlAvailable);
  const { nodeId } = await one.node.info();
  await one.stop();
  await one.start("--init");
  t.is((await one.node.info()).nodeId, nodeId);

  const file = join(directory, "token");
  const flags = ["--join-addr", one.host.address, "--join-token-file", file];
  await two.start(...flags);
  t.is(await two.ended(), 1);
  t.regex(two.log, /^tswarmd: --join-token-file: ENOENT/m);
  writeFileSync(file, "SWMTKN-1-nonsense\n");
  await two.start(...flags);
  t.is(await two.ended(), 1);
  t.regex(two.log, /^tswarmd: invalid join token: /m);
  t.deepEqual(two.files(), []);
});
