/** Managers come and go: promoted, demoted, lost and replaced, without a quorum, begun anew, locked. Tasks notice nothing of it. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "ava";
import { readAnswers } from "../../scripts/demo/answers.js";
import { Cluster } from "../../scripts/fabric/cluster.js";

const DEMO = resolve(import.meta.dirname, "../../../scripts/demo");
const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");

interface NodeRow {
  readonly hostname: string;
  readonly status: string;
  readonly role: string;
  readonly managerStatus: string;
}

class Story {
  constructor(readonly cluster: Cluster) {}

  nodes(asked: string): readonly NodeRow[] {
    return JSON.parse(this.cluster.control(["node", "ls", "--format", "json"], asked)) as NodeRow[];
  }

  /** None while the managers are about to agree on a leader. */
  #nodesNow(asked: string): readonly NodeRow[] {
    const { status, stdout } = this.run(asked, ["node", "ls", "--format", "json"]);
    return status === 0 ? (JSON.parse(stdout) as NodeRow[]) : [];
  }

  /** Hosts of which every manager says that they manage and can be reached. */
  async untilManaging(asked: string, ...hosts: readonly string[]): Promise<void> {
    await this.cluster.until(`${hosts.join(", ")} manage, as ${asked} sees it`, () => {
      const managing = this.#nodesNow(asked).filter((node) => /^(leader|reachable)$/.test(node.managerStatus));
      return sorted(managing.map((node) => node.hostname)).join() === sorted(hosts).join();
    });
  }

  async untilReady(asked: string, host: string): Promise<void> {
    await this.cluster.until(`${host} is ready`, () =>
      this.#nodesNow(asked).some((node) => node.hostname === host && node.status === "ready"),
    );
  }

  run(host: string, args: readonly string[], input = "") {
    const socket = this.cluster.socketOf(host);
    const { status, stdout, stderr } = spawnSync(process.execPath, [CONTROL, "-s", socket, ...args], {
      encoding: "utf8",
      input,
    });
    return { status, stdout, stderr };
  }

  /** Which tasks answer at a host's published port. */
  answers(host: string): readonly string[] {
    const url = `http://${this.cluster.host(host).address}:8080/`;
    const results = readAnswers(this.cluster.run("client", [process.execPath, join(DEMO, "requests.mjs"), url, "8"]));
    return sorted([...new Set(results.map(({ answer, error }) => answer ?? `failed: ${error}`))]);
  }

  log(host: string): string {
    return readFileSync(join(this.cluster.directory, `${host}.log`), "utf8");
  }

  hasManagerState(host: string): boolean {
    return existsSync(join(this.cluster.stateDir(host), "manager"));
  }
}

test("managers are promoted, demoted, lost, replaced, forced, locked; tasks go on", async (t) => {
  t.timeout(480_000);
  const cluster = await Cluster.start({
    tag: `p${process.pid % 10000}`,
    hosts: ["host1", "host2", "host3", "host4"],
    managers: ["host1", "host2", "host3"],
    clients: ["client"],
  });
  const story = new Story(cluster);
  try {
    cluster.control([
      ...["service", "create", "--name", "web", "--replicas", "2", "--publish", "8080:80"],
      ...["--constraint", "node.hostname!=host2", "--constraint", "node.hostname!=host3"],
      ...["--env", "TASK_NAME={{.Task.Name}}", "--", process.execPath, join(DEMO, "web-server.mjs")],
    ]);
    const tasks = story.answers("host1");
    t.is(tasks.length, 2);

    // A worker becomes a manager, and a worker again, and once more.
    const ends = ["host1", "host4"].map((asked) => () => cluster.control(["node", "demote", "host4"], asked));
    for (const end of ends) {
      t.is(cluster.control(["node", "promote", "host4"], "host2"), "Node host4 promoted to a manager in the swarm.\n");
      await story.untilManaging("host1", "host1", "host2", "host3", "host4");
      await cluster.until("its own manager answers", () => story.run("host4", ["node", "ls", "-q"]).status === 0);
      end();
      await story.untilManaging("host2", "host1", "host2", "host3");
      await cluster.until("its manager has ended, with its log and its key", () => {
        return cluster.managerPid("host4") === undefined && !story.hasManagerState("host4");
      });
      t.deepEqual(story.answers("host4"), tasks, "its tasks run on");
    }

    // A manager's host is lost for good: taken out, and another takes its place.
    await cluster.stopDaemon("host3", "SIGKILL");
    await cluster.until("host3 cannot be reached", () =>
      story.nodes("host1").some((node) => node.hostname === "host3" && node.managerStatus === "unreachable"),
    );
    const refused = story.run("host1", ["node", "rm", "host3"]);
    t.is(refused.status, 1);
    t.regex(refused.stderr, /^tsctl: node \S+ is a cluster manager [^\n]*must be demoted to worker before removal\n$/);
    cluster.control(["node", "demote", "host3"]);
    await story.untilManaging("host1", "host1", "host2");
    cluster.control(["node", "rm", "--force", "host3"]);
    cluster.control(["node", "promote", "host4"]);
    await story.untilManaging("host2", "host1", "host2", "host4");

    // A restart without any flag, as after a reboot.
    await cluster.stopDaemon("host4");
    await cluster.startDaemon("host4");
    await story.untilManaging("host1", "host1", "host2", "host4");
    t.deepEqual(story.answers("host2"), tasks);

    // Most managers are lost: nothing can be changed, all that runs goes on.
    for (const host of ["host2", "host4"]) await cluster.stopDaemon(host, "SIGKILL");
    const create = (name: string) => ["service", "create", "-d", "--name", name, "--", "true"];
    await cluster.until("the quorum is missed", () => {
      const { status, stderr } = story.run("host1", create("early"));
      return status === 1 && /^tsctl: The swarm does not have a leader\. [^\n]*more than half[^\n]*\n$/.test(stderr);
    });
    t.is(story.nodes("host1").length, 3, "reads work");
    t.deepEqual(story.answers("host1"), tasks);

    // Begun anew from the one that is left.
    await cluster.stopDaemon("host1");
    await cluster.startDaemon("host1", "--force-new-cluster");
    await story.untilManaging("host1", "host1");
    // The name that was tried without a quorum may have been taken: nobody knew the outcome.
    t.like(story.run("host1", create("late")), { status: 0, stderr: "" }, "changes work again");
    t.deepEqual(story.answers("host1"), tasks);
    const lostId = cluster.nodeId("host2");
    cluster.leave("host2");
    await cluster.startDaemon("host2", ...(await cluster.joinFlags("host1", "manager")));
    await story.untilManaging("host1", "host1", "host2");
    t.not(cluster.nodeId("host2"), lostId, "who comes again is another node");
    await story.untilReady("host1", "host2");

    // Locked: a manager that restarts waits for the key, its node goes on.
    const shown = cluster.control(["update", "--autolock"]);
    const key = cluster.control(["unlock-key", "-q"]);
    t.true(shown.includes(key.trim()));
    await cluster.stopDaemon("host1");
    await cluster.startDaemon("host1");
    const locked = story.run("host1", ["service", "ls"]);
    t.is(locked.status, 1);
    t.regex(locked.stderr, /^tsctl: Swarm is encrypted and needs to be unlocked [^\n]*tsctl unlock[^\n]*\n$/);
    await cluster.until("the log says what to do", () =>
      story.log("host1").includes('the manager is locked: "tsctl unlock"'),
    );
    t.deepEqual(story.answers("host1").length, 2, "its tasks and ports go on");
    const wrong = story.run("host1", ["unlock"], "SWMKEY-1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    t.is(wrong.status, 1);
    t.is(wrong.stderr.trim().split("\n").length, 1);
    t.deepEqual(story.run("host1", ["unlock"], key), { status: 0, stdout: "", stderr: "" });
    await story.untilReady("host1", "host1");
    await cluster.until("changes work again", () => story.run("host1", ["service", "rm", "late"]).status === 0);
  } catch (error) {
    t.log(cluster.logs());
    throw error;
  } finally {
    await cluster.remove();
  }
});

function sorted(values: readonly string[]): string[] {
  return [...values].sort();
}
