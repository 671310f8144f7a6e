import type { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  UpdateConfig,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { processOf } from "../../src/cli/service/spec/runtime.js";
import { documentedKeys } from "./documentation.js";
import { HOST1, HOST2, id, processService, SHOP, taskOf } from "./fixtures.js";
import { tsctl } from "./run.js";
import { json, output, test } from "./shop.js";

const words = (line: string | undefined) => line?.trim().split(/ {2,}/);

test("node ls", async (t) => {
  const lines = (await output(t, "node", "ls")).split("\n");
  t.deepEqual(words(lines[0]), [
    "ID",
    "HOSTNAME",
    "STATUS",
    "AVAILABILITY",
    "MANAGER STATUS",
    "ADDRESS",
    "CERT EXPIRES",
    "VERSION",
  ]);
  t.deepEqual(words(lines[1]), [`${HOST1.id} *`, "host1", "Ready", "Active", "Leader", "10.99.0.1", "0.1.0"]);
  t.deepEqual(words(lines[2]), [HOST2.id, "host2", "Ready", "Active", "10.99.0.2", "0.1.0"]);
  t.is(await output(t, "node", "ls", "-q"), `${HOST1.id}\n${HOST2.id}\n`);
});

test("an empty list prints its header, [] or nothing", async (t) => {
  const { peer } = t.context;
  peer.nodes = [];
  peer.services = [];
  peer.networks = [];
  peer.clusters = [];
  peer.tasks = () => [];
  for (const group of ["node", "service", "network", "task", "net", "cluster"]) {
    t.regex(await output(t, group, "ls"), /^ID +(HOST)?NAME .*\n$/);
    t.is(await output(t, group, "ls", "--format", "json"), "[]\n");
    t.is(await output(t, group, "ls", "-q"), "");
  }
});

test("global flags stand before or after the subcommand", async (t) => {
  const expected = await json(t, "node", "ls", "--format", "json");
  t.deepEqual(await json(t, "--format", "json", "node", "ls"), expected);
  t.deepEqual(await json(t, "node", "--format", "json", "ls"), expected);
  const { socket } = t.context.peer;
  for (const args of [
    ["-s", socket, "node", "ls"],
    ["node", "ls", "-s", socket],
    ["node", "ls", `--socket=unix://${socket}`],
    ["-s", "/nonexistent", "node", "ls", "-s", socket],
  ]) {
    t.is((await tsctl(undefined, ...args)).status, 0, args.join(" "));
  }
});

test("keys of JSON lists are those that the documentation promises", async (t) => {
  for (const [list, keys] of documentedKeys()) {
    const args = list === "service ps" ? [...list.split(" "), "web"] : list.split(" ");
    const rows: object[] = await json(t, ...args, "--format", "json");
    t.true(rows.length > 0, list);
    for (const row of rows) t.deepEqual(Object.keys(row), keys, list);
  }
});

test("service ls counts tasks", async (t) => {
  const lines = (await output(t, "svc", "ls")).split("\n");
  t.deepEqual(words(lines[1]), [
    id("sapi").slice(0, 12),
    "api",
    "replicated",
    "0/1",
    "node server.js",
    "*:8080->80/tcp",
  ]);
  t.deepEqual(words(lines[2]), [
    id("sweb").slice(0, 12),
    "web",
    "replicated",
    "3/3",
    "node server.js",
    "*:8080->80/tcp",
  ]);
  t.true((await output(t, "service", "ls", "--no-trunc")).includes(id("sweb")));
});

test("service ps shows history below the task that replaced it", async (t) => {
  const lines = (await output(t, "service", "ps", "web")).split("\n");
  t.deepEqual(words(lines[0]), ["ID", "NAME", "NODE", "DESIRED STATE", "CURRENT STATE", "ERROR", "PORTS"]);
  t.deepEqual(
    lines.slice(1, 5).map((line) => words(line)?.slice(1, 4)),
    [
      ["web.1", "host1", "Running"],
      ["web.2", "host2", "Running"],
      ["\\_ web.2", "host2", "Shutdown"],
      ["web.3", "host1", "Running"],
    ],
  );
  t.regex(lines[3]!, /Failed \d+ years ago +exit status 1$/);
  t.is(await output(t, "service", "tasks", "web"), lines.join("\n"));
});

test("service ps filters", async (t) => {
  const names = async (...args: string[]) =>
    (await json(t, "service", "ps", "web", "--format", "json", ...args)).map((row: { id: string }) =>
      row.id.slice(0, 4),
    );
  t.deepEqual(await names("--filter", "desired-state=running"), ["t1we", "t2we", "t3we"]);
  t.deepEqual(await names("--filter", "node=host2", "--filter", "desired-state=running"), ["t2we"]);
  t.deepEqual(await names("-f", "name=web.1", "-f", "name=web.3"), ["t1we", "t3we"]);
  t.deepEqual(await names("-f", "id=told"), ["told"]);
});

test("--no-resolve asks for no names", async (t) => {
  const text = await output(t, "service", "ps", "-n", "web");
  t.true(text.includes(HOST1.id));
  t.deepEqual(t.context.peer.requests("listNodes"), []);
});

test("inspect prints a page, or protobuf's JSON", async (t) => {
  t.regex(
    await output(t, "service", "inspect", "web"),
    /^ID: +sweb[\s\S]*Command: +node server\.js[\s\S]*Tasks:\n {2}ID/,
  );
  t.regex(await output(t, "node", "inspect", "host1"), /Plugins:\n {2}LoadBalancer: nftables/);
  t.regex(await output(t, "task", "inspect", "web.2"), /^ID: +t2web[\s\S]*Node: +host2/);
  t.regex(await output(t, "network", "inspect", "shop"), /VNI: +4097\nSubnet: +10\.0\.1\.0\/24/);
  const [service] = await json(t, "service", "inspect", "web", "--format", "json");
  t.is(service.id, id("sweb"));
  t.deepEqual(service.spec.task.generic.payload, {
    "@type": "type.googleapis.com/tswarm.v1.ProcessSpec",
    command: ["node", "server.js"],
    env: ["LEVEL=info"],
  });
  t.deepEqual(
    (await json(t, "node", "inspect", "host1", "host2", "--format", "json")).map((node: { id: string }) => node.id),
    [HOST1.id, HOST2.id],
  );
});

test("what is found is shown, and what is not is said", async (t) => {
  const { status, stdout, stderr } = await tsctl(
    t.context.peer,
    "node",
    "inspect",
    "--format",
    "json",
    "host1",
    "host9",
  );
  t.is(status, 1);
  t.is(JSON.parse(stdout).length, 1);
  t.is(stderr, "tsctl: no such node: host9\n");
});

test("service create sends what was asked, with ids of networks, and waits", async (t) => {
  const { peer } = t.context;
  peer.tasks = () => peer.services.filter(({ id: one }) => one.startsWith("made")).map((service) => taskOf(service, 1));
  const { status, stdout, stderr } = await tsctl(
    peer,
    ...["service", "create", "--runtime", "process", "--name", "new", "--network", "shop,alias=x", "--verify", "0s"],
    ...["-p", "9000:90", "--env", "A=1", "--", "sh", "-c", "exit 0", "--name"],
  );
  t.is(status, 0, stderr);
  t.is(stdout, "made100000000000000000000\n");
  t.true(stderr.endsWith("new: 1 of 1 tasks running\nnew: verify: service converged\n"), stderr);
  const [{ spec }] = peer.requests("createService") as [{ spec: ServiceSpec }];
  t.deepEqual(processOf(spec.task)?.command, ["sh", "-c", "exit 0", "--name"]);
  t.deepEqual(spec.task?.networks[0]?.target, SHOP.id);
  t.deepEqual(spec.task?.networks[0]?.aliases, ["x"]);
});

test("service create --detach does not wait, --quiet waits in silence", async (t) => {
  const { peer } = t.context;
  t.is(await output(t, "service", "create", "-d", "--name", "new", "--", "true"), "made100000000000000000000\n");
  t.deepEqual(peer.requests("getService"), []);
  peer.tasks = () =>
    peer.services.filter(({ id: one }) => one.startsWith("made2")).map((service) => taskOf(service, 1));
  t.is(
    await output(t, "service", "create", "-q", "--verify", "0s", "--name", "new", "--", "true"),
    "made200000000000000000000\n",
  );
  t.true(peer.requests("getService").length > 0);
  t.deepEqual(await json(t, "service", "create", "-d", "--name", "third", "--format", "json", "--", "true"), [
    { id: "made300000000000000000000", name: "third" },
  ]);
});

test("waiting follows the tasks until they run", async (t) => {
  const { peer } = t.context;
  const states = [TaskState.PENDING, TaskState.PREPARING, TaskState.RUNNING];
  let looks = 0;
  peer.tasks = () => {
    const state = states[Math.min(states.length - 1, Math.floor(looks++ / 2))]!;
    return [1, 2, 3].map((slot) => taskOf(processService("web"), slot, state));
  };
  const { status, stdout, stderr } = await tsctl(peer, "service", "scale", "web=3", "--verify", "0s");
  t.is(status, 0);
  t.is(stdout, "web\n");
  t.is(stderr, "web: 0 of 3 tasks running\nweb: 3 of 3 tasks running\nweb: verify: service converged\n");
});

test("service update applies its change to what others wrote meanwhile", async (t) => {
  const { peer } = t.context;
  let others = 2;
  const getService = () => ({ service: peer.services.find(({ id: one }) => one === id("sweb")) });
  peer.overrides.set("listServices", () => {
    const service = getService().service!;
    // Each reading is outdated at once, until the others have had enough.
    return { services: [{ ...service, meta: { ...service.meta, version: { index: 1 } } }] };
  });
  peer.overrides.set("getService", () => {
    const service = getService().service!;
    if (others-- > 0) return { service: { ...service, meta: { ...service.meta, version: { index: 2 } } } };
    return { service };
  });
  t.is(
    await output(
      t,
      "service",
      "update",
      "web",
      "--replicas",
      "5",
      "-d",
      "--publish-rm",
      "80",
      "--publish-add",
      "8081:80",
    ),
    "web\n",
  );
  const updates = peer.requests("updateService") as { spec: ServiceSpec }[];
  t.is(updates.length, 4, "three stale tries and one that holds");
  const spec = updates.at(-1)!.spec;
  t.deepEqual(spec.mode, { $case: "replicated", value: { replicas: 5 } });
  t.deepEqual(
    spec.endpoint?.ports.map(({ publishedPort }) => publishedPort),
    [8081],
  );
  t.deepEqual(processOf(spec.task)?.command, ["node", "server.js"]);
});

test("service update --rollback asks the cluster for the specification of before", async (t) => {
  t.is(await output(t, "service", "update", "web", "--rollback", "-d"), "web\n");
  t.like(t.context.peer.requests("updateService")[0], { rollback: 1, serviceId: id("sweb") });
});

test("service rollback does the same", async (t) => {
  t.is(await output(t, "service", "rollback", "web", "-d"), "web\n");
  t.like(t.context.peer.requests("updateService")[0], { rollback: 1, serviceId: id("sweb") });
});

test("service ls shows jobs and limits as docker does", async (t) => {
  const { peer } = t.context;
  const counts = { runningTasks: 1, desiredTasks: 3, completedTasks: 2 };
  peer.overrides.set("listServiceStatuses", (request: { services: string[] }) => ({
    statuses: request.services.map((serviceId) => ({ serviceId, ...counts })),
  }));
  const as = (name: string, change: object) => {
    const service = processService(name);
    return { ...service, spec: { ...service.spec!, ...change } };
  };
  const placement = { constraints: [], preferences: [], platforms: [], maxReplicas: 4 };
  peer.services = [
    as("all", { mode: { $case: "globalJob", value: {} } }),
    as("few", { task: { ...processService("few").spec!.task!, placement } }),
    as("some", { mode: { $case: "replicatedJob", value: { totalCompletions: 9, maxConcurrent: 3 } } }),
  ];
  const lines = (await output(t, "service", "ls")).split("\n");
  t.deepEqual(
    lines.slice(1, 4).map((line) => words(line)?.slice(1, 4)),
    [
      ["all", "global-job", "1/3 (2/5 completed)"],
      ["few", "replicated", "1/3 (max 4 per node)"],
      ["some", "replicated-job", "1/3 (2/9 completed)"],
    ],
  );
  t.like((await json(t, "service", "ls", "--format", "json"))[2], { running: 1, desired: 3, completed: 2 });
  t.regex(await output(t, "service", "inspect", "some"), /^Mode: +replicated-job, 9 completions, 3 at once$/m);
});

test("service ps marks nodes that are down, and tells evictions and what a task waits for", async (t) => {
  const { peer } = t.context;
  const web = processService("web");
  const evicted = {
    desiredState: TaskState.SHUTDOWN,
    annotations: { name: "web.2", labels: { "tswarm.evicted": "the node does not fit any more" } },
  };
  const waiting = taskOf(web, 3, TaskState.PENDING, { nodeId: "" });
  peer.nodes = [{ ...HOST1, status: { ...HOST1.status!, state: NodeState.DOWN } }, HOST2];
  peer.tasks = () => [
    taskOf(web, 1),
    taskOf(web, 2, TaskState.RUNNING, evicted as never),
    { ...waiting, status: { ...waiting.status!, err: "no suitable node (insufficient resources on 2 nodes)" } },
  ];
  const lines = (await output(t, "service", "ps", "web")).split("\n");
  t.deepEqual(words(lines[1])?.slice(1, 4), ["web.1", "host1 (down)", "Running"]);
  t.deepEqual(words(lines[2])?.slice(1, 4), ["web.2", "host2", "Shutdown"]);
  t.is(words(lines[2])?.at(-1), "the node does not fit any more");
  t.is(words(lines[3])?.at(-1), "no suitable node (insufficient resources on 2 nodes)");
  const rows = await json(t, "service", "ps", "web", "--format", "json");
  t.deepEqual(
    rows.map(({ nodeState }: { nodeState: string }) => nodeState),
    ["down", "ready", ""],
  );
});

test("service inspect tells how an update goes", async (t) => {
  const { peer } = t.context;
  const web = processService("web");
  const updateStatus = {
    state: UpdateState.PAUSED,
    message: "update paused due to failure",
    startedAt: { seconds: 1_700_000_000, nanos: 0 },
    completedAt: undefined,
  };
  peer.services = [
    { ...web, updateStatus, spec: { ...web.spec!, update: UpdateConfig.fromPartial({ parallelism: 2 }) } },
  ];
  const page = await output(t, "service", "inspect", "web");
  t.regex(page, /^Update state: +paused: update paused due to failure$/m);
  t.regex(page, /^Update started: +2023-11-14/m);
  t.notRegex(page, /^Update ended/m);
  t.regex(page, /^Updates: +2 at once, stop-first, on failure pause$/m);
});

test("service plan asks what the change would do, and changes nothing", async (t) => {
  const { peer } = t.context;
  const nodes = [
    { nodeId: HOST1.id, tasks: 3 },
    { nodeId: HOST2.id, tasks: 1 },
  ];
  const plan = { replaced: 3, kept: 0, removed: 0, nodes, unplaced: 1, reason: "no suitable node" };
  peer.overrides.set("planUpdate", () => plan);
  const text = await output(t, "service", "plan", "web", "--replicas", "5", "--update-parallelism", "2", "--", "true");
  t.deepEqual(text.split("\n").map(words), [
    ["web: 0 stay, 3 replaced (2 at once, stop-first, on failure pause, monitor 5s), 0 removed"],
    ["NODE", "NEW TASKS"],
    ["host1", "3"],
    ["host2", "1"],
    ["1 without a place: no suitable node"],
    [""],
  ]);
  const [{ serviceId, spec }] = peer.requests("planUpdate") as [{ serviceId: string; spec: ServiceSpec }];
  t.is(serviceId, id("sweb"));
  t.deepEqual(spec.mode, { $case: "replicated", value: { replicas: 5 } });
  t.deepEqual(processOf(spec.task)?.command, ["true"]);
  t.deepEqual(peer.requests("updateService"), []);
  t.like(await json(t, "service", "plan", "web", "--force", "--format", "json"), {
    replaced: 3,
    nodes: [{ node: "host1", tasks: 3 }, { node: "host2" }],
    reason: "no suitable node",
  });
});

test("service rebalance shows what moves, or why nothing does", async (t) => {
  const { peer } = t.context;
  const move = { taskId: id("t3web"), slot: 3, fromNodeId: HOST1.id, toNodeId: HOST2.id };
  peer.overrides.set("rebalance", () => ({ moves: [move], reason: "" }));
  const lines = (await output(t, "service", "rebalance", "web", "--dry-run")).split("\n");
  t.deepEqual(lines.slice(0, 2).map(words), [
    ["TASK", "FROM", "TO"],
    ["web.3", "host1", "host2"],
  ]);
  t.like(await json(t, "service", "rebalance", "web", "--format", "json"), { dryRun: false, moves: [{ slot: 3 }] });
  t.deepEqual(
    peer.requests("rebalance").map((request) => (request as { dryRun: boolean }).dryRun),
    [true, false],
  );
  peer.overrides.set("rebalance", () => ({ moves: [], reason: "an update is in progress" }));
  t.is(await output(t, "service", "rebalance", "web"), "web: nothing to move: an update is in progress\n");
  peer.overrides.set("rebalance", () => ({ moves: [], reason: "" }));
  t.is(await output(t, "service", "rebalance", "web"), "web: nothing to move: it is spread evenly\n");
});

test("scale checks every service before it changes the first", async (t) => {
  const { status, stderr } = await tsctl(t.context.peer, "service", "scale", "web=5", "nope=1");
  t.is(status, 1);
  t.is(stderr, "tsctl: no such service: nope\n");
  t.deepEqual(t.context.peer.requests("updateService"), []);
});

test("rm removes what it finds and fails for the rest", async (t) => {
  const { status, stdout, stderr } = await tsctl(t.context.peer, "service", "rm", "nope", "web");
  t.deepEqual([status, stdout, stderr], [1, "web\n", "tsctl: no such service: nope\n"]);
  t.deepEqual(
    t.context.peer.services.map(({ id: one }) => one),
    [id("sapi")],
  );
  t.is(await output(t, "network", "rm", "shop"), "shop\n");
  t.deepEqual(t.context.peer.networks, []);
});

test("objects are found by id, name and prefix", async (t) => {
  for (const argument of [id("sweb"), "web", "WEB", "sw"]) {
    const [service] = await json(t, "service", "inspect", argument, "--format", "json");
    t.is(service.id, id("sweb"), argument);
  }
  const ambiguous = await tsctl(t.context.peer, "service", "inspect", "s");
  t.is(ambiguous.status, 1);
  t.is(
    ambiguous.stderr,
    `tsctl: service s is ambiguous, it fits 2: ${id("sweb")} (web), ${id("sapi")} (api); give more of the id\n`,
  );
});

test("version tells both sides", async (t) => {
  const { client, server } = await json(t, "version", "--format", "json");
  t.regex(client.version, /^\d+\.\d+\.\d+$/);
  t.deepEqual(server, { socket: t.context.peer.socket, version: "0.1.0", manager: "host1" });
});
