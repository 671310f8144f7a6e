/** Commands about managers, against a peer. */
import { status } from "@grpc/grpc-js";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { ManagerState, RaftRole, ReplicationState } from "../../src/api/generated/tswarm/v1/manager.js";
import { formatUnlockKey } from "../../src/security/at-rest/unlock-key.js";
import { CLUSTER, HOST1, HOST2 } from "./fixtures.js";
import { Peer, Refusal } from "./peer.js";
import { start, tsctl } from "./run.js";

const test = anyTest as TestFn<{ peer: Peer }>;
const KEK = Buffer.alloc(32, 7);
const KEY = formatUnlockKey(KEK);

test.beforeEach(async (t) => {
  const peer = await Peer.start();
  peer.nodes = [HOST1, HOST2];
  peer.clusters = [CLUSTER];
  peer.manager = { nodeId: HOST1.id, state: ManagerState.MANAGER_RUNNING };
  t.context = { peer };
});
test.afterEach.always((t) => t.context.peer?.stop());

async function output(t: ExecutionContext<{ peer: Peer }>, ...args: string[]): Promise<string> {
  const { status: code, stdout, stderr } = await tsctl(t.context.peer, ...args);
  t.deepEqual([code, stderr], [0, ""], args.join(" "));
  return stdout;
}

const ADVICE = `To unlock a swarm manager after it restarts, run the \`tsctl unlock\`
command and provide the following key:

    ${KEY}

Remember to store this key in a password manager, since without it you
will not be able to restart the manager.
`;

test("promote and demote say what they did, in Docker's words", async (t) => {
  const { peer } = t.context;
  t.is(
    await output(t, "node", "promote", "host1", "host2"),
    "Node host1 is already a manager.\nNode host2 promoted to a manager in the swarm.\n",
  );
  t.is(await output(t, "node", "demote", "host2"), "Manager host2 demoted in the swarm.\n");
  t.is(await output(t, "node", "demote", "host2"), "Node host2 is already a worker.\n");
  t.deepEqual(
    peer
      .requests("updateNode")
      .map((request) => [request.nodeId, (request.spec as { desiredRole: number }).desiredRole]),
    [
      [HOST2.id, NodeRole.MANAGER],
      [HOST2.id, NodeRole.WORKER],
    ],
  );
  t.deepEqual(JSON.parse(await output(t, "node", "promote", "host2", "--format", "json")), [
    { id: HOST2.id, name: "host2" },
  ]);
});

test("a node's availability, role and labels are changed together", async (t) => {
  const { peer } = t.context;
  const flags = ["--availability", "drain", "--role", "worker", "--label-add", "rack=7", "--label-rm", "zone"];
  t.is(await output(t, "node", "update", ...flags, "host1"), "host1\n");
  const [request] = peer.requests("updateNode");
  t.like(request?.spec, { availability: 2, desiredRole: NodeRole.WORKER, annotations: { labels: { rack: "7" } } });
});

test("a node that others change meanwhile is read again", async (t) => {
  const { peer } = t.context;
  let refusals = 2;
  peer.overrides.set("updateNode", () => {
    if (refusals-- > 0) throw new Refusal(status.UNKNOWN, "update out of sequence");
    return {};
  });
  await output(t, "node", "promote", "host2");
  t.is(peer.requests("getNode").length, 2);
});

test("several nodes are changed at once", async (t) => {
  const { peer } = t.context;
  t.is(await output(t, "node", "update", "host1", "host2", "--availability", "drain"), "host1\nhost2\n");
  t.deepEqual(
    peer.nodes.map(({ spec }) => spec?.availability),
    [2, 2],
  );
  const outcome = await tsctl(peer, "node", "update", "host1", "nope", "--availability", "active");
  t.deepEqual(outcome, { status: 1, stdout: "host1\n", stderr: "tsctl: no such node: nope\n" });
});

test("what the cluster does not allow of a role is said in its words", async (t) => {
  const { peer } = t.context;
  peer.overrides.set("updateNode", () => {
    throw new Refusal(status.FAILED_PRECONDITION, "attempting to demote the last manager of the swarm");
  });
  t.deepEqual(await tsctl(peer, "node", "demote", "self"), {
    status: 1,
    stdout: "",
    stderr: "tsctl: attempting to demote the last manager of the swarm\n",
  });
});

test("nodes are removed; what the cluster refuses is said in its words", async (t) => {
  const { peer } = t.context;
  t.is(await output(t, "node", "rm", "--force", "host2"), "host2\n");
  t.deepEqual(peer.requests("removeNode"), [{ nodeId: HOST2.id, force: true }]);
  peer.overrides.set("removeNode", () => {
    throw new Refusal(
      status.FAILED_PRECONDITION,
      "node x is a cluster manager. It must be demoted to worker before removal",
    );
  });
  const refused = await tsctl(peer, "node", "rm", "host1");
  t.is(refused.stderr, "tsctl: node x is a cluster manager. It must be demoted to worker before removal\n");
  t.is(refused.status, 1);
});

test("cluster inspect and ls", async (t) => {
  const page = await output(t, "cluster", "inspect");
  for (const line of [
    /Autolock: +off/,
    /Snapshot interval: +10000 entries/,
    /Heartbeat: +5s/,
    /Task history limit: +5/,
  ])
    t.regex(page, line);
  t.is(await output(t, "cluster", "inspect", "default"), page);
  const [object] = JSON.parse(await output(t, "cluster", "inspect", "--format", "json"));
  t.is(object.spec.dispatcher.heartbeatPeriod, "5s");
  t.deepEqual(JSON.parse(await output(t, "cluster", "ls", "--format", "json")), [
    { id: CLUSTER.id, name: "default", created: "2023-11-14T22:13:20.000Z", autolock: false },
  ]);
});

test("cluster update changes what is named alone", async (t) => {
  const { peer } = t.context;
  const flags = ["--snapshot-interval", "500", "--task-history-limit", "0", "--dispatcher-heartbeat", "2s"];
  t.is(await output(t, "cluster", "update", ...flags, "--log-entries-for-slow-followers", "0"), "Swarm updated.\n");
  const [{ spec } = {}] = peer.clusters;
  t.like(spec, {
    raft: { snapshotInterval: 500, logEntriesForSlowFollowers: 0, electionTick: 10 },
    orchestration: { taskHistoryRetentionLimit: 0 },
    dispatcher: { heartbeatPeriod: { seconds: 2 } },
    encryptionConfig: { autoLockManagers: false },
  });
  t.deepEqual(peer.requests("updateCluster")[0]!.clusterVersion, { index: 3 });
});

test("autolock shows the key when it comes on; unlock-key shows it again, or makes a new one", async (t) => {
  const { peer } = t.context;
  const without = await tsctl(peer, "cluster", "unlock-key");
  t.is(without.stderr, 'tsctl: no unlock key is set: "tsctl update --autolock" makes one\n');
  peer.unlockKey = KEK;
  t.is(await output(t, "update", "--autolock"), `Swarm updated.\n${ADVICE}`);
  t.true(peer.clusters[0]?.spec?.encryptionConfig?.autoLockManagers);
  t.is(await output(t, "cluster", "update", "--autolock=true"), "Swarm updated.\n");
  t.is(await output(t, "cluster", "unlock-key"), ADVICE);
  t.is(await output(t, "unlock-key"), ADVICE);
  t.is(await output(t, "cluster", "unlock-key", "-q"), `${KEY}\n`);
  t.is(await output(t, "cluster", "unlock-key", "--rotate"), `Successfully rotated manager unlock key.\n\n${ADVICE}`);
  t.like(peer.requests("updateCluster").at(-1), { rotation: { managerUnlockKey: true } });
  t.is(await output(t, "cluster", "update", "--autolock=false"), "Swarm updated.\n");
  t.false(peer.clusters[0]?.spec?.encryptionConfig?.autoLockManagers);
});

test("a locked manager is unlocked with a key from standard input", async (t) => {
  const { peer } = t.context;
  const unlock = (input: string) => start(["cluster", "unlock"], { SWARM_SOCKET: peer.socket }, { input }).outcome;
  t.is((await unlock(`${KEY}\n`)).stderr, "tsctl: swarm is not locked\n");
  peer.manager = { nodeId: HOST1.id, state: ManagerState.MANAGER_LOCKED };
  t.deepEqual(await unlock(`${KEY}\n`), { status: 0, stdout: "", stderr: "" });
  t.deepEqual(peer.requests("unlock"), [{ unlockKey: KEY }]);
  for (const wrong of ["", "\n", `X${KEY}\n`]) {
    const { status: code, stderr } = await unlock(wrong);
    t.is(code, 1);
    t.regex(stderr, /^tsctl: (no unlock key was given|invalid key string[^\n]*)\n$/);
    if (wrong.length > 1) t.false(stderr.includes(wrong.trim()), "what was typed is not repeated");
  }
  t.is(peer.requests("unlock").length, 1);
});

test("a snapshot, a transfer", async (t) => {
  t.is(await output(t, "debug", "snapshot"), "Snapshot of index 4711: 3MiB, in 12ms.\n");
  t.deepEqual(JSON.parse(await output(t, "debug", "snapshot", "--format", "json")), {
    index: 4711,
    bytes: 3 * 1024 * 1024,
    took: "0.012s",
  });
  t.is(await output(t, "debug", "transfer"), "host1 leads.\n");
  t.is(await output(t, "debug", "transfer", "host2"), "host2 leads.\n");
});

test("debug raft shows the manager and its peers", async (t) => {
  const { peer } = t.context;
  peer.manager = {
    state: ManagerState.MANAGER_RUNNING,
    nodeId: HOST1.id,
    raftId: "255",
    role: RaftRole.RAFT_LEADER,
    leaderRaftId: "255",
    term: 7,
    commit: 1200,
    applied: 1199,
    tick: { seconds: 0, nanos: 100_000_000 },
    electionTicks: 10,
    heartbeatTicks: 1,
    log: {
      firstIndex: 1001,
      lastIndex: 1200,
      snapshotIndex: 1000,
      snapshotBytes: 2048,
      segments: 2,
      bytes: 1024 * 1024,
      syncP50: { seconds: 0, nanos: 300_000 },
      syncP99: { seconds: 0, nanos: 4_000_000 },
      keyId: "00ff",
      keys: 1,
    },
    peers: [
      {
        raftId: "255",
        nodeId: HOST1.id,
        address: "10.99.0.1:4242",
        voter: true,
        leader: true,
        self: true,
        reachable: true,
      },
      {
        raftId: "16",
        nodeId: HOST2.id,
        address: "10.99.0.2:4242",
        voter: true,
        replication: ReplicationState.REPLICATION_REPLICATE,
        match: 1190,
        lag: 10,
        queuedMessages: 2,
        queuedBytes: 2048,
        transport: "stream",
      },
    ],
  };
  const page = await output(t, "debug", "raft");
  for (const line of [
    /^State: +running$/m,
    /^Role: +leader$/m,
    /^Leader: +host1$/m,
    /^Term: +7$/m,
    /^Tick: +100ms, heartbeat 1, election 10$/m,
    /Entries: +1001 to 1200$/m,
    /Size: +1MiB in 2 segments$/m,
    /Sync: +p50 300µs, p99 4ms$/m,
    /^10 +host2 +10\.99\.0\.2:4242 +follower +no +replicate +1190 +10 +2 \(2KiB\) +0 +stream$/m,
    /^ff \* +host1 +10\.99\.0\.1:4242 +leader +yes/m,
  ])
    t.regex(page, line);
  const json = JSON.parse(await output(t, "debug", "raft", "--format", "json"));
  t.like(json, { term: 7, raftId: "255", log: { syncP99: "0.004s" } });
  peer.manager = { ...peer.manager, lostQuorum: true };
  t.regex(await output(t, "debug", "raft"), /^Quorum: +lost: /m);
});

test("debug raft of a follower does not say that other followers cannot be reached: it hears of the leader alone", async (t) => {
  const { peer } = t.context;
  const peers = [
    { raftId: "1", nodeId: HOST1.id, address: "10.99.0.1:4242", voter: true, self: true, reachable: true },
    { raftId: "2", nodeId: HOST2.id, address: "10.99.0.2:4242", voter: true, leader: true },
    { raftId: "3", nodeId: "third", address: "10.99.0.3:4242", voter: true },
  ];
  peer.manager = { state: ManagerState.MANAGER_RUNNING, nodeId: HOST1.id, role: RaftRole.RAFT_FOLLOWER, peers };
  const page = await output(t, "debug", "raft");
  t.regex(page, /^1 \* +host1 +10\.99\.0\.1:4242 +follower +yes +0 +0$/m);
  t.regex(page, /^2 +host2 +10\.99\.0\.2:4242 +leader +no +0 +0$/m);
  t.regex(page, /^3 +third +10\.99\.0\.3:4242 +follower +0 +0$/m);
});

test("debug raft of a locked manager shows what there is", async (t) => {
  const { peer } = t.context;
  peer.manager = { state: ManagerState.MANAGER_LOCKED, nodeId: HOST1.id, autolock: true };
  peer.overrides.set("listNodes", () => {
    throw new Refusal(status.FAILED_PRECONDITION, "Swarm is encrypted and needs to be unlocked");
  });
  const page = await output(t, "debug", "raft");
  t.regex(page, /^State: +locked$/m);
  t.notRegex(page, /Role|Leader/);
});
