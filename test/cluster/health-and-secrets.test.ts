/** Health checks and secrets with real daemons and real commands. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";
import { readAnswers } from "../../scripts/demo/answers.js";
import type { Cluster } from "../../scripts/fabric/cluster.js";
import { running, type TaskRow, tasks, withCluster } from "./with-cluster.js";

const DEMO = resolve(import.meta.dirname, "../../../scripts/demo");
const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");
const SERVER = [process.execPath, join(DEMO, "web-server.mjs")];
const PATIENCE_MS = 120_000;
const TWO_HOSTS = { hosts: ["host1", "host2"], clients: ["client"], timeoutMs: PATIENCE_MS };

const json = (cluster: Cluster, ...args: string[]) => JSON.parse(cluster.control([...args, "--format", "json"]));
const updateState = (cluster: Cluster): string => {
  const [service] = json(cluster, "service", "inspect", "web");
  return service.updateStatus?.state ?? "";
};
/** The environment that the service's tasks have. */
const version = (cluster: Cluster): string => {
  const [service] = json(cluster, "service", "inspect", "web");
  return service.spec.task.generic.payload.env.find((text: string) => text.startsWith("TASK_NAME="));
};

const HEALTH = [
  ...["--health-cmd", 'echo "this is $TASK_NAME"; test "$TASK_NAME" = good'],
  ...["--health-interval", "300ms", "--health-timeout", "20s", "--health-retries", "2"],
];

test.serial(
  "an update whose tasks never get healthy goes back; they get no traffic, and say why they failed",
  async (t) => {
    await withCluster(t, "h", TWO_HOSTS, async (cluster) => {
      cluster.control([
        ...["service", "create", "--name", "web", "--replicas", "2", "--publish", "8080:80", "--env", "TASK_NAME=good"],
        ...[...HEALTH, "--restart-delay", "500ms", "--", ...SERVER],
      ]);
      const before = running(cluster, "web").map(({ id }) => id);
      t.is(before.length, 2);
      const url = `http://${cluster.host("host1").address}:8080/`;
      const names = new Set<string>();
      const ask = () => {
        const answers = readAnswers(cluster.run("client", [process.execPath, join(DEMO, "requests.mjs"), url, "10"]));
        for (const { error, answer } of answers) names.add(error ?? answer?.split(" ")[0] ?? "");
      };
      const update = spawnSync(
        process.execPath,
        [
          ...[CONTROL, "-s", cluster.socket, "service", "update", "-d", "web", "--env-add", "TASK_NAME=bad"],
          ...["--update-order", "start-first", "--update-failure-action", "rollback", "--update-monitor", "1s"],
        ],
        { encoding: "utf8" },
      );
      t.is(update.status, 0, update.stderr);
      const seen = new Map<string, TaskRow>();
      await cluster.until(
        "the update is rolled back",
        () => {
          ask();
          for (const task of tasks(cluster, "web")) seen.set(`${task.id} ${task.currentState}`, task);
          return updateState(cluster) === "ROLLBACK_COMPLETED";
        },
        PATIENCE_MS,
      );
      t.deepEqual([...names], ["good"]);
      t.is(version(cluster), "TASK_NAME=good");
      const failed = tasks(cluster, "web").filter(({ currentState }) => currentState === "failed");
      t.true(failed.length >= 1);
      for (const { error } of failed) {
        t.is(error, "task: unhealthy: 2 checks in a row failed, the last ended with 1: this is bad");
      }
      for (const { id } of failed) t.false(seen.has(`${id} running`), "it never counted as running");
      t.is(running(cluster, "web").length, 2);
      const page = cluster.control(["service", "inspect", "web"]);
      t.regex(page, /Health check: +echo "this is \$TASK_NAME".*every 300ms, timeout 20s, 2 retries/);
    });
  },
);

const PASSWORD = "correct-horse-battery-staple-4711";

test.serial("a secret is where a live task needs it, in memory, and gone with the task", async (t) => {
  await withCluster(t, "s", TWO_HOSTS, async (cluster) => {
    const made = spawnSync(process.execPath, [CONTROL, "-s", cluster.socket, "secret", "create", "password", "-"], {
      input: PASSWORD,
      encoding: "utf8",
    });
    t.is(made.status, 0, made.stderr);
    const conf = join(cluster.directory, "site.conf");
    cluster.run("host1", ["sh", "-c", `echo 'listen 80;' >${conf}`]);
    cluster.control(["config", "create", "site", conf]);
    const script = [
      "cat /run/secrets/pw /run/configs/site",
      "stat -c '%u:%g %a' /run/secrets/pw",
      "stat -f -c %T /run/secrets",
      "exec sleep 600",
    ].join("; ");
    cluster.control([
      ...["service", "create", "--name", "db", "--constraint", "node.hostname==host2", "--user", "nobody"],
      ...["--secret", "source=password,target=pw,uid=65534,mode=0400", "--config", "site", "--", "sh", "-c", script],
    ]);
    const [task] = running(cluster, "db");
    t.is(task?.node, "host2");
    const output = () => filesBelow(cluster.stateDir("host2")).find((path) => path.endsWith(`${task!.id}/stdout`));
    const said = () => readFileSync(output()!, "utf8");
    await cluster.until("the task has said all", () => said().includes("tmpfs"));
    t.is(said(), `${PASSWORD}listen 80;\n65534:0 400\ntmpfs\n`);
    const mounted = () => mountedBy(cluster.taskProcesses("host2"));
    t.true(mounted().length > 0);
    t.deepEqual(mountedBy(cluster.taskProcesses("host1")), []);
    t.false(existsSync("/run/secrets/pw"));

    // Of all that the daemons and managers have written, only what the task itself wrote has it.
    const holders = filesBelow(cluster.directory).filter((path) => readFileSync(path).includes(PASSWORD));
    t.deepEqual(holders, [output()!]);
    t.false(cluster.logs().includes(PASSWORD));
    const shown = ["inspect", "ls"].map((verb) =>
      cluster.control(["secret", verb, ...(verb === "inspect" ? ["password"] : []), "--format", "json"]),
    );
    for (const text of shown)
      t.false(text.includes(PASSWORD) || text.includes(Buffer.from(PASSWORD).toString("base64")));

    const inUse = spawnSync(process.execPath, [CONTROL, "-s", cluster.socket, "secret", "rm", "password"], {
      encoding: "utf8",
    });
    t.is(inUse.status, 1);
    t.regex(inUse.stderr, /secret 'password' is in use by the following service: db/);
    cluster.control(["service", "rm", "db"]);
    await cluster.until("the task and its mounts are gone", () => cluster.taskProcesses("host2").length === 0);
    t.is(cluster.control(["secret", "rm", "password"]), "password\n");
    await cluster.until("its output is removed", () => output() === undefined);
    const left = filesBelow(cluster.directory).filter((path) => readFileSync(path).includes(PASSWORD));
    t.deepEqual(left, []);
  });
});

function filesBelow(folder: string): readonly string[] {
  return execFileSync("find", [folder, "-type", "f"], { encoding: "utf8" }).trim().split("\n").filter(existsSync);
}

/** Processes that have a file system of secrets. */
function mountedBy(pids: readonly number[]): readonly number[] {
  return pids.filter((pid) => {
    if (!readdirSync("/proc").includes(String(pid))) return false;
    return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(" /run/secrets ");
  });
}
