/** Three hosts, real daemons, real commands: what a person does, and what they must be able to rely on. */
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { ExecutionContext } from "ava";
import test from "ava";
import { type RequestResult, readAnswers } from "../../scripts/demo/answers.js";
import { namespacesOfNetwork, sandboxOfTask, taskProcess } from "../../scripts/demo/task-process.js";
import type { Cluster } from "../../scripts/fabric/cluster.js";
import { showsDrift } from "../../scripts/fabric/drift.js";
import { running, tasks, withCluster } from "./with-cluster.js";

const DEMO = resolve(import.meta.dirname, "../../../scripts/demo");
const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");
const THREE_HOSTS = { hosts: ["host1", "host2", "host3"], clients: ["client"] };
const SERVER = [process.execPath, join(DEMO, "web-server.mjs")];

function request(cluster: Cluster, host: string, port: number, count: number): readonly RequestResult[] {
  const url = `http://${cluster.host(host).address}:${port}/`;
  return readAnswers(cluster.run("client", [process.execPath, join(DEMO, "requests.mjs"), url, String(count)]));
}

function createWeb(cluster: Cluster, ...more: readonly string[]): void {
  cluster.control([
    ...["service", "create", "--name", "web", "--replicas", "3", "--publish", "8080:80"],
    ...["--env", "TASK_NAME={{.Task.Name}}", "--restart-delay", "500ms", ...more, "--", ...SERVER],
  ]);
}

/** Runs tsctl and expects a refusal: one line, a non-zero status. */
function refused(t: ExecutionContext, cluster: Cluster, args: readonly string[], words: RegExp): void {
  const { status, stderr } = spawnSync(process.execPath, [CONTROL, "-s", cluster.socket, ...args], {
    encoding: "utf8",
  });
  t.not(status, 0, args.join(" "));
  t.regex(stderr, words, args.join(" "));
  t.is(stderr.trim().split("\n").length, 1, `one line: ${stderr}`);
}

test.serial("a published port answers on every node, through scaling, killing, tampering and restarts", async (t) => {
  await withCluster(t, "c", THREE_HOSTS, async (cluster) => {
    cluster.control(["network", "create", "shop"]);
    createWeb(cluster, "--network", "shop");
    for (const host of cluster.hosts) {
      const results = request(cluster, host.name, 8080, 12);
      t.deepEqual(
        results.filter((result) => result.error !== undefined),
        [],
        host.name,
      );
      t.is(new Set(results.map((result) => result.answer)).size, 3, "three replicas, one client address");
      t.true(results.every((result) => result.answer?.endsWith(cluster.host("client").address)));
    }

    await killUnderLoad(t, cluster);

    cluster.control(["service", "scale", "web=5"]);
    t.is(new Set(request(cluster, "host2", 8080, 20).map((result) => result.answer)).size, 5, "all five answer");
    const streamed = await duringStream(cluster, "host1", async () => {
      cluster.control(["service", "scale", "web=2"]);
      await cluster.until(
        "three tasks are gone",
        () => tasks(cluster, "web").length === 2 || running(cluster, "web").length === 2,
      );
    });
    t.deepEqual(
      streamed.filter((result) => result.error !== undefined),
      [],
      "scaling down drains: no request fails",
    );

    await tamper(t, cluster);
    await restartAgents(t, cluster);

    cluster.control(["service", "rm", "web"]);
    await cluster.until("the port is closed", () => request(cluster, "host3", 8080, 1)[0]?.error !== undefined);
    t.regex(request(cluster, "host3", 8080, 1)[0]?.error ?? "", /ECONNREFUSED/, "refused at once, never hanging");
    await cluster.until(
      "the tasks are gone",
      () => JSON.parse(cluster.control(["task", "ls", "--format", "json"])).length === 0,
    );
    cluster.control(["network", "rm", "shop"]);
    t.deepEqual(
      execFileSync("ip", ["netns", "ls"], { encoding: "utf8" })
        .split("\n")
        .filter((line) => line.includes("-sbx-") && cluster.hosts.some((host) => belongsTo(cluster, host.name, line)))
        .filter((line) => !line.includes("-sbx-ingress")),
      [],
      "no sandbox stays",
    );
  });
});

async function killUnderLoad(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const victim = running(cluster, "web")[0]!;
  const entry = cluster.hosts.find((host) => host.name !== victim.node)!;
  let killedAt = 0;
  const results = await duringStream(cluster, entry.name, async () => {
    killedAt = Date.now();
    process.kill(taskProcess(victim.id), "SIGKILL");
    await cluster.until("a new task serves", () => {
      const now = running(cluster, "web");
      return now.length === 3 && now.every((task) => task.id !== victim.id);
    });
  });
  const late = results.filter((result) => result.error !== undefined && result.started > killedAt + 1000);
  t.deepEqual(late, [], "no request that starts later than a second after the kill fails");
}

async function tamper(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const [task] = running(cluster, "web");
  const sandbox = sandboxOfTask(task!.id);
  const [network] = JSON.parse(cluster.control(["network", "inspect", "shop", "--format", "json"])) as { id: string }[];
  await cluster.until("the drift is seen, and not healed before that", () => {
    execFileSync("ip", ["-n", sandbox, "link", "del", "eth0"]);
    execFileSync("ip", ["-n", namespacesOfNetwork(network!.id)[0]!, "link", "set", "vxlan0", "down"]);
    return showsDrift(cluster.control(["net", "inspect", "shop"]));
  });
  await cluster.until(
    "the kernel is healed",
    () => /no drift/i.test(cluster.control(["net", "inspect", "shop"])),
    15_000,
  );
  t.deepEqual(
    request(cluster, "host1", 8080, 10).filter((result) => result.error !== undefined),
    [],
  );
}

/** Every agent is killed and started again under load: tasks run on, and traffic does not notice. */
async function restartAgents(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const before = running(cluster, "web").map((task) => task.id);
  const results = await duringStream(cluster, "host2", async () => {
    for (const name of ["host2", "host3"]) {
      await cluster.stopDaemon(name, "SIGKILL");
      await cluster.startDaemon(name);
      await cluster.until(`${name} is ready again`, () => {
        const nodes = JSON.parse(cluster.control(["node", "ls", "--format", "json"])) as {
          hostname: string;
          status: string;
        }[];
        return (
          nodes.find((node) => node.hostname === name)?.status.toLowerCase() === "ready" &&
          /no drift/i.test(cluster.control(["net", "inspect", "web"]))
        );
      });
    }
  });
  t.deepEqual(
    results.filter((result) => result.error !== undefined),
    [],
    "no request fails while agents restart",
  );
  t.deepEqual(
    running(cluster, "web").map((task) => task.id),
    before,
    "the same tasks run",
  );
}

/** @returns the results of requests that go on while `work` does something, and a little before and after */
async function duringStream(
  cluster: Cluster,
  host: string,
  work: () => Promise<void>,
): Promise<readonly RequestResult[]> {
  const url = `http://${cluster.host(host).address}:8080/`;
  const stream = cluster.spawn("client", [process.execPath, join(DEMO, "requests.mjs"), url, "stream", "3"]);
  const results: RequestResult[] = [];
  createInterface({ input: stream.stdout! }).on("line", (line) => results.push(JSON.parse(line) as RequestResult));
  const ended = once(stream, "exit");
  try {
    await cluster.until("the stream runs", () => results.length >= 20);
    await work();
    const enough = results.length + 20;
    await cluster.until("the stream goes on", () => results.length >= enough);
  } finally {
    stream.kill("SIGTERM");
    await ended;
  }
  return results;
}

function belongsTo(cluster: Cluster, host: string, namespace: string): boolean {
  return namespace.startsWith(`tsw-${cluster.nodeId(host).slice(0, 8)}-`);
}

test.serial(
  "ports change while a service runs, a port can be a node's own, and IPv6 clients are refused at once",
  async (t) => {
    await withCluster(t, "p", THREE_HOSTS, async (cluster) => {
      createWeb(cluster, "--replicas", "2");
      cluster.control(["service", "update", "web", "--publish-add", "8081:80", "--publish-rm", "80"]);
      for (const host of cluster.hosts) {
        t.is(new Set(request(cluster, host.name, 8081, 6).map((result) => result.answer)).size, 2, host.name);
        t.regex(request(cluster, host.name, 8080, 1)[0]?.error ?? "", /ECONNREFUSED/, "the old port is closed");
      }
      const ask = (host: string, url: string) =>
        readAnswers(cluster.run(host, [process.execPath, join(DEMO, "requests.mjs"), url, "1"]))[0];
      t.regex(ask("host1", "http://[::1]:8081/")?.error ?? "", /ECONNREFUSED|EADDRNOTAVAIL/, "refused, not hanging");
      t.truthy(ask("host1", "http://127.0.0.1:8081/")?.answer, "loopback answers too");

      cluster.control([
        ...["service", "create", "--name", "own", "--constraint", "node.hostname==host2"],
        ...["--publish", "published=9090,target=80,mode=host", "--env", "TASK_NAME=own", "--", ...SERVER],
      ]);
      t.is(request(cluster, "host2", 9090, 1)[0]?.answer, `own ${cluster.host("client").address}`);
      t.truthy(ask("host2", "http://127.0.0.1:9090/")?.answer, "on its own host by loopback");
      t.regex(request(cluster, "host1", 9090, 1)[0]?.error ?? "", /ECONNREFUSED/, "on its own node alone");
      cluster.control(["service", "rm", "own"]);
      await cluster.until("the node's port is closed", () =>
        /ECONNREFUSED/.test(request(cluster, "host2", 9090, 1)[0]?.error ?? ""),
      );
    });
  },
);

test.serial("wrong input is one clear line, and changes nothing", async (t) => {
  await withCluster(t, "w", THREE_HOSTS, async (cluster) => {
    cluster.control(["network", "create", "shop", "--subnet", "10.9.0.0/29"]);
    createWeb(cluster);
    const create = (...args: string[]) => ["service", "create", "--detach", ...args, "--", "sleep", "1"];
    refused(t, cluster, create("--name", "web"), /web.*(exists|in use)/i);
    refused(t, cluster, create("--name", "other", "--publish", "8080:80"), /8080/);
    refused(t, cluster, create("--name", "other", "--network", "nowhere"), /nowhere/);
    for (const port of ["2377", "7946"])
      refused(t, cluster, create("--name", "other", "--publish", `${port}:80`), new RegExp(port));
    refused(t, cluster, create("--name", "other", "--publish", "4789:80/udp"), /4789/);
    refused(t, cluster, ["network", "create", "bad", "--subnet", "10.9.0.0/99"], /10\.9\.0\.0\/99/);
    refused(t, cluster, ["network", "create", "overlapping", "--subnet", "10.9.0.0/24"], /shop|overlap/i);
    refused(t, cluster, ["network", "create", "shop"], /shop.*exists/i);
    refused(t, cluster, ["service", "inspect", "nothing"], /nothing/);
    refused(t, cluster, ["service", "scale", "nothing=3"], /nothing/);
    refused(t, cluster, ["net", "inspect", "nothing"], /nothing/);
    t.deepEqual(
      (JSON.parse(cluster.control(["service", "ls", "--format", "json"])) as { name: string }[]).map((one) => one.name),
      ["web"],
    );
    t.deepEqual(
      (JSON.parse(cluster.control(["network", "ls", "--format", "json"])) as { name: string }[])
        .map((one) => one.name)
        .sort(),
      ["ingress", "shop"],
    );

    cluster.control([
      "service",
      "create",
      "--detach",
      "--name",
      "many",
      "--replicas",
      "8",
      "--network",
      "shop",
      "--",
      "sleep",
      "infinity",
    ]);
    await cluster.until("a task says that no address is left", () =>
      tasks(cluster, "many").some((task) => /address/i.test(task.error)),
    );
    cluster.control([
      "service",
      "create",
      "--detach",
      "--name",
      "nowhere",
      "--constraint",
      "node.labels.disk==ssd",
      "--",
      "sleep",
      "infinity",
    ]);
    await cluster.until("a task says why it has no node", () =>
      tasks(cluster, "nowhere").some((task) => /no suitable node/i.test(task.error)),
    );
    cluster.control(["service", "create", "--detach", "--name", "missing", "--", "no-such-program"]);
    await cluster.until("a task says what is missing", () =>
      tasks(cluster, "missing").some((task) => /no-such-program/.test(task.error)),
    );
    refused(t, cluster, ["network", "rm", "shop"], /in use/i);
  });
});
