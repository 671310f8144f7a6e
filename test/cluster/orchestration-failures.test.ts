/** Nodes that die, are cut off, stand still and come back: three managers, five agents, real processes. */
import test from "ava";
import { Cluster } from "../../scripts/fabric/cluster.js";
import { managerRuns } from "../../scripts/fabric/control-client.js";
import { Operator } from "../../scripts/fabric/operator.js";
import type { Service } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { doubled } from "./orchestration/lives.js";
import { type LivingTask, TaskLives } from "./orchestration/task-lives.js";

const MANAGERS = ["host1", "host2", "host3"];
const HOSTS = [...MANAGERS, "host4", "host5"];
const TASKS = 10;

let cluster: Cluster;
let operator: Operator;
let lives: TaskLives;

test.before("three managers and five agents", async (t) => {
  t.timeout(300_000);
  cluster = await Cluster.start({
    tag: `f${process.pid % 10000}`,
    hosts: HOSTS,
    managers: MANAGERS,
    // Silence is noticed sooner, but not so soon that a busy machine looks like a dead one.
    daemonArguments: ["--heartbeat-period", "2"],
  });
  operator = Operator.of(cluster);
  lives = new TaskLives(`${cluster.directory}/lives`);
});

test.after.always("the cluster goes", async (t) => {
  t.timeout(300_000);
  if (!t.passed) t.log(cluster?.logs());
  operator?.close();
  await cluster?.remove();
});

function create(name: string, count = TASKS, constraints: readonly string[] = []): Promise<Service> {
  const command = { command: lives.command(), env: lives.env(name, { release: "1" }) };
  return operator.create(name, command, {
    mode: { $case: "replicated", value: { replicas: count } },
    task: { placement: { constraints: [...constraints] } },
  });
}

const slotsOf = (tasks: readonly LivingTask[]) => tasks.map(({ slot }) => slot).join(" ");
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1).join(" ");
const idsOf = (tasks: readonly LivingTask[]) => tasks.map(({ taskId }) => taskId).sort();

/** Waits until each slot has exactly one process, and the managers say so too. */
async function untilRuns(name: string, service: Service, count = TASKS): Promise<readonly LivingTask[]> {
  await operator.untilRunning(service.id, count);
  await operator.until(
    () => slotsOf(lives.running(name)) === upTo(count),
    () => `slots 1 to ${count} run; it is ${slotsOf(lives.running(name))}`,
  );
  return lives.running(name);
}

async function untilNode(host: string, ...states: readonly NodeState[]): Promise<void> {
  await operator.until(
    async () => states.includes((await operator.node(cluster.nodeId(host))).status!.state),
    () => `${host} is ${states.map((state) => NodeState[state]).join(" or ")}`,
  );
}

async function removed(service: Service, name: string): Promise<void> {
  await operator.remove(service.id);
  await operator.until(
    async () => lives.running(name).length === 0 && (await operator.tasks(service.id)).length === 0,
    () => "nothing is left of it",
  );
}

test.serial(
  "a node dies: its tasks run elsewhere, each once, and the others are not touched; when it is back it gets nothing of them",
  async (t) => {
    t.timeout(300_000);
    const web = await create("dies");
    const before = await untilRuns("dies", web);
    const died = before.filter(({ node }) => node === "host5");
    t.is(died.length, 2);
    await cluster.powerOff("host5");
    lives.lost(died);
    const after = await untilRuns("dies", web);
    await untilNode("host5", NodeState.DOWN);
    const stayed = before.filter(({ node }) => node !== "host5");
    const now = idsOf(after);
    t.true(stayed.every(({ taskId }) => now.includes(taskId)));
    t.true(after.every(({ node }) => node !== "host5"));
    t.deepEqual(doubled(lives.of("dies")), []);

    cluster.heal("host5");
    await cluster.startDaemon("host5");
    await untilNode("host5", NodeState.READY);
    await operator.until(
      async () => (await operator.tasks(web.id)).filter(isOnItsWay(cluster.nodeId("host5"))).length === 0,
      () => "what it had is over",
    );
    t.deepEqual(idsOf(await untilRuns("dies", web)), now, "nothing moves back");
    t.deepEqual(doubled(lives.of("dies")), []);
    t.is(lives.begun("dies").length, TASKS + died.length);
    await removed(web, "dies");
  },
);

/** On the node, and not over. */
function isOnItsWay(nodeId: string) {
  return (task: { readonly nodeId: string; readonly status?: { readonly state: TaskState } | undefined }) =>
    task.nodeId === nodeId && (task.status?.state ?? 0) <= TaskState.RUNNING;
}

test.serial(
  "a node is cut off until it is given up, and comes back: what was replaced ends there, and each slot has one process",
  async (t) => {
    t.timeout(300_000);
    const web = await create("cut");
    const before = await untilRuns("cut", web);
    const away = idsOf(before.filter(({ node }) => node === "host4"));
    t.is(away.length, 2);
    cluster.cut("host4");
    await operator.until(
      () => lives.running("cut").length === TASKS + 2,
      () => `two more run elsewhere; ${lives.running("cut").length} run`,
    );
    t.deepEqual(idsOf(lives.onNode("host4").filter(({ service }) => service === "cut")), away, "it goes on by itself");
    cluster.heal("host4");
    const after = await untilRuns("cut", web);
    t.true(
      after.every(({ taskId }) => !away.includes(taskId)),
      "those that took their places stay",
    );
    await removed(web, "cut");
  },
);

test.serial(
  "a node comes back with tasks that nobody could replace: it keeps them, and they never stopped",
  async (t) => {
    t.timeout(300_000);
    const web = await create("kept", 2, ["node.hostname==host4"]);
    const before = await untilRuns("kept", web, 2);
    cluster.cut("host4");
    await untilNode("host4", NodeState.DOWN);
    await operator.until(
      async () => (await operator.tasks(web.id)).some(({ status }) => /no suitable node/.test(status?.err ?? "")),
      () => "replacements wait, and say for what",
    );
    cluster.heal("host4");
    await untilNode("host4", NodeState.READY);
    const after = await untilRuns("kept", web, 2);
    t.deepEqual(
      after.map(({ pid }) => pid),
      before.map(({ pid }) => pid),
    );
    t.is(lives.begun("kept").length, 2);
    await removed(web, "kept");
  },
);

test.serial(
  "the leader's manager is killed in the middle of an update of real processes: each slot has one at any moment, and all are new",
  async (t) => {
    t.timeout(300_000);
    const count = 50;
    const command = (release: string) => ({ command: lives.command(), env: lives.env("led", { release }) });
    const begunAnew = () => lives.begun("led").filter(({ release }) => release === "2").length;
    const web = await operator.create("led", command("1"), {
      mode: { $case: "replicated", value: { replicas: count } },
      update: { parallelism: 5, monitor: { seconds: 1 } },
    });
    await untilRuns("led", web, count);
    await operator.release(web.id, command("2"));
    await operator.until(
      () => begunAnew() >= count / 5,
      () => `some begin anew; ${begunAnew()} have`,
    );
    const leader = await cluster.leaderName();
    t.true(leader !== undefined && cluster.killManager(leader));
    t.true(begunAnew() < count, "it is in the middle");
    const done = await operator.untilUpdate(web.id, UpdateState.COMPLETED);
    t.is(done.updateStatus?.message, "update completed");
    const after = await untilRuns("led", web, count);
    t.true(after.every(({ release }) => release === "2"));
    t.deepEqual(doubled(lives.of("led")), []);
    t.is(lives.begun("led").length, 2 * count, "each slot once in each release");
    await removed(web, "led");
    await operator.until(
      async () => (await Promise.all(MANAGERS.map((host) => managerRuns(cluster.socketOf(host))))).every(Boolean),
      () => "all managers run again",
    );
  },
);

test.serial(
  "four of five agents fall silent at once: two are given up, the others keep what they run; all is well when they are back",
  async (t) => {
    t.timeout(300_000);
    const web = await create("silent");
    const before = await untilRuns("silent", web);
    const silent = HOSTS.slice(1);
    const standing = () => Promise.all(silent.map(async (host) => (await operator.node(cluster.nodeId(host))).status!));
    let kept: readonly LivingTask[] = [];
    try {
      for (const host of silent) process.kill(cluster.pid(host), "SIGSTOP");
      await operator.until(
        async () => (await standing()).every(({ message }) => message.startsWith("heartbeat failure")),
        () => "all four are seen to be silent",
      );
      const states = await standing();
      const inState = (wanted: NodeState) => silent.filter((_, at) => states[at]!.state === wanted);
      const [down, withheld] = [inState(NodeState.DOWN), inState(NodeState.UNKNOWN)];
      t.deepEqual([down.length, withheld.length], [2, 2]);
      const { message } = states.find(({ state }) => state === NodeState.UNKNOWN)!;
      t.regex(message, /too many nodes fell silent at once, it may be the managers that are cut off/);
      const slots = (hosts: readonly string[]) =>
        before.filter(({ node }) => hosts.includes(node)).map(({ slot }) => slot);
      await operator.until(
        async () => {
          const tasks = await operator.tasks(web.id);
          return slots(down).every((slot) => tasks.filter((task) => task.slot === slot).length > 1);
        },
        () => operator.describe(web.id),
      );
      const tasks = await operator.tasks(web.id);
      for (const slot of slots([...withheld, "host1"])) {
        t.is(tasks.filter((task) => task.slot === slot).length, 1, `nothing takes the place of slot ${slot}`);
      }
      kept = before.filter(({ node }) => !down.includes(node));
    } finally {
      for (const host of silent) process.kill(cluster.pid(host), "SIGCONT");
    }
    for (const host of HOSTS) await untilNode(host, NodeState.READY);
    const after = idsOf(await untilRuns("silent", web));
    t.is(kept.length, TASKS - 4);
    t.deepEqual(
      kept.filter(({ taskId }) => !after.includes(taskId)),
      [],
      "their tasks never stopped",
    );
    await removed(web, "silent");
  },
);
