/** Logs as a person reads them: real daemons, managers, processes and tsctl. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import type { Cluster } from "../../scripts/fabric/cluster.js";
import { tasks, withCluster } from "./with-cluster.js";

const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** tsctl, with what it has shown so far. */
class Reading {
  stdout = "";
  stderr = "";
  readonly ended: Promise<Outcome>;
  readonly stop: () => void;

  constructor(socket: string, args: readonly string[]) {
    const child = spawn(process.execPath, [CONTROL, "-s", socket, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.stop = () => child.kill();
    this.ended = new Promise((done) =>
      child.once("close", (status) => done({ status, stdout: this.stdout, stderr: this.stderr })),
    );
  }

  get lines(): readonly string[] {
    return this.stdout.split("\n").slice(0, -1);
  }
}

const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

interface JsonLine {
  readonly time: string;
  readonly stream: string;
  readonly service: string;
  readonly taskId: string;
  readonly slot: string;
  readonly node: string;
  readonly line: string;
}

const json = (text: string) => linesOf(text).map((line) => JSON.parse(line) as JsonLine);

/** tsctl asks the last of the managers. */
async function withReadings(
  t: ExecutionContext,
  tag: string,
  managers: readonly string[],
  work: (cluster: Cluster, read: (...args: string[]) => Reading) => Promise<void>,
): Promise<void> {
  await withCluster(t, tag, { hosts: ["host1", "host2", "host3"], managers }, async (cluster) => {
    const readings: Reading[] = [];
    try {
      await work(cluster, (...args) => {
        const reading = new Reading(cluster.socketOf(managers.at(-1)!), args);
        readings.push(reading);
        return reading;
      });
    } catch (error) {
      for (const { stdout, stderr } of readings) t.log(`--- tsctl\n${stdout.slice(-2000)}\n${stderr}`);
      throw error;
    } finally {
      for (const { stop } of readings) stop();
    }
  });
}

const nodeState = (cluster: Cluster, name: string) =>
  (JSON.parse(cluster.control(["node", "ls", "--format", "json"])) as { hostname: string; status: string }[])
    .find(({ hostname }) => hostname === name)
    ?.status.toLowerCase();

/** Each of its tasks writes a line every tenth of a second, to one stream and then to the other. */
const TICKER =
  'n=0; while :; do n=$((n+1)); echo "tick $n of $TASK"; n=$((n+1)); echo "tick $n of $TASK" >&2; sleep 0.1; done';

function createTicker(cluster: Cluster, name: string, ...more: readonly string[]): void {
  cluster.control([
    ...["service", "create", "--name", name, "--env", "TASK={{.Task.Name}}", "--restart-delay", "300ms"],
    ...["--constraint", "node.role==worker", ...more, "--", "/bin/sh", "-c", TICKER],
  ]);
}

test.serial(
  "logs of tasks on several nodes: in order, by stream, with tail and since, and a warning for a node that is down",
  async (t) => {
    await withReadings(t, "lg", ["host1"], async (cluster, read) => {
      createTicker(cluster, "web", "--replicas", "2", "--replicas-max-per-node", "1");
      await cluster.until("some lines are written", async () => {
        const { stdout } = await read("service", "logs", "web").ended;
        return linesOf(stdout).length >= 20;
      });

      const all = await read("service", "logs", "--format", "json", "web").ended;
      t.is(all.status, 0, all.stderr);
      t.is(all.stderr, "");
      const lines = json(all.stdout);
      t.deepEqual(
        lines.map(({ time }) => time),
        lines.map(({ time }) => time).sort(),
        "the order of time",
      );
      t.deepEqual([...new Set(lines.map(({ node }) => node))].sort(), ["host2", "host3"]);
      for (const id of new Set(lines.map(({ taskId }) => taskId))) {
        for (const stream of ["stdout", "stderr"]) {
          const numbers = lines
            .filter((line) => line.taskId === id && line.stream === stream)
            .map(({ line }) => Number(/^tick (\d+) of /.exec(line)![1]));
          const first = stream === "stdout" ? 1 : 2;
          t.deepEqual(
            numbers,
            numbers.map((_number, at) => first + 2 * at),
            "nothing is left out, nothing comes twice",
          );
        }
      }

      const text = await read("service", "logs", "web").ended;
      t.regex(text.stdout, /^web\.1\.[0-9a-z]{12}@host[23] {4}\| tick 1 of web\.1\./m);
      t.regex(text.stderr, /^web\.1\.[0-9a-z]{12}@host[23] {4}\| tick 2 of web\.1\./m, "stderr goes to stderr");
      t.notRegex(text.stdout, /tick \d*[02468] of/);

      const tail = await read("service", "logs", "-n", "3", "--raw", "web").ended;
      const newest = [...linesOf(tail.stdout), ...linesOf(tail.stderr)];
      t.is(newest.length, 6, "three of each task");
      t.true(newest.every((line) => /^tick \d+ of web\.\d\.[0-9a-z]+$/.test(line)));

      const middle = lines[Math.floor(lines.length / 2)]!;
      const since = json(
        (await read("service", "logs", "--since", middle.time, "--format", "json", "web").ended).stdout,
      );
      t.is(since[0]!.time, middle.time);
      t.true(since.every(({ time }) => time >= middle.time));

      const [task] = tasks(cluster, "web").filter(({ currentState }) => currentState === "running");
      const one = json((await read("task", "logs", "--format", "json", task!.id).ended).stdout);
      t.deepEqual([...new Set(one.map(({ taskId }) => taskId))], [task!.id]);
      const bySlot = json(
        (await read("task", "logs", "--tail", "1", "--format", "json", `web.${task!.slot}`).ended).stdout,
      );
      t.is(bySlot[0]!.taskId, task!.id);

      const nobody = await read("service", "logs", "nosuch").ended;
      t.deepEqual([nobody.status, nobody.stderr], [1, "tsctl: no such service or task: nosuch\n"]);

      await cluster.stopDaemon("host3", "SIGKILL");
      await cluster.until("host3 is down", () => nodeState(cluster, "host3") === "down", 60_000);
      const partial = await read("service", "logs", "--format", "json", "web").ended;
      t.is(partial.status, 0, "there was something to read");
      t.regex(
        partial.stderr,
        /^tsctl: warning: node host3 \(\w+\) is not available: it is down: logs of web\.\d are missing/m,
      );
      t.deepEqual([...new Set(json(partial.stdout).map(({ node }) => node))], ["host2"]);
      const lost = tasks(cluster, "web").find(({ node }) => node === "host3")!;
      const none = await read("task", "logs", lost.id).ended;
      t.is(none.status, 1, "nothing could be read");
      t.regex(none.stderr, /host3 .* is down/);
    });
  },
);

test.serial(
  "who follows sees a task's restart, an agent's, and another leader, without a line twice or too few",
  async (t) => {
    await withReadings(t, "lf", ["host1", "host2", "host3"], async (cluster, read) => {
      cluster.control([
        ...["service", "create", "--name", "web", "--env", "TASK={{.Task.Name}}", "--restart-delay", "300ms"],
        ...["--constraint", "node.hostname==host3", "--", "/bin/sh", "-c", TICKER],
      ]);
      const following = read("service", "logs", "-f", "--format", "json", "web");
      const seen = (id: string) => json(following.lines.join("\n")).filter(({ taskId }) => taskId === id);
      const running = () => tasks(cluster, "web").find((task) => task.currentState === "running");
      await cluster.until("lines come", () => following.lines.length > 10);
      const first = running()!;

      const onlyNew = read("service", "logs", "-f", "--tail", "0", "--format", "json", "web");
      await cluster.until("new lines come", () => onlyNew.lines.length > 4);
      t.true(Number(/^tick (\d+)/.exec(json(onlyNew.lines.join("\n"))[0]!.line)![1]) > 4, "none of the old ones");
      const followingTask = read("task", "logs", "-f", "--raw", first.id);

      for (const pid of cluster.taskProcesses("host3")) if (pid !== cluster.pid("host3")) killIfThere(pid);
      await cluster.until("another task runs", () => (running()?.id ?? first.id) !== first.id);
      const second = running()!;
      await cluster.until("its lines come", () => seen(second.id).length > 10);
      const whole = await followingTask.ended;
      t.is(whole.status, 0, "following a task ends with the task");

      await cluster.stopDaemon("host3", "SIGKILL");
      const before = seen(second.id).length;
      await pause(500);
      await cluster.startDaemon("host3");
      await cluster.until("the lines go on", () => seen(second.id).length > before + 20, 60_000);

      const leader = await cluster.leaderName();
      cluster.killManager(leader!);
      const atLoss = seen(second.id).length;
      await cluster.until("the lines go on under another leader", () => seen(second.id).length > atLoss + 20, 60_000);

      for (const id of [first.id, second.id]) {
        for (const [stream, start] of [
          ["stdout", 1],
          ["stderr", 2],
        ] as const) {
          const own = seen(id).filter((line) => line.stream === stream);
          const numbers = own.map(({ line }) => Number(/^tick (\d+) of /.exec(line)![1]));
          const gaps = numbers.flatMap((number, at) => {
            const due = at === 0 ? start : numbers[at - 1]! + 2;
            return number === due ? [] : [`${number} instead of ${due} at ${own[at - 1]?.time}, ${own[at]?.time}`];
          });
          const whose = id === first.id ? "the first" : "the second";
          t.deepEqual(gaps, [], `${stream} of ${whose} task: nothing is left out, nothing comes twice`);
        }
      }
      following.stop();
    });
  },
);

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
