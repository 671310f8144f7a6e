/** The steps of the demo. Each shows what a person would type, and checks what tswarm promises. */
import { join, resolve } from "node:path";
import type { Cluster } from "../fabric/cluster.js";
import { showsDrift } from "../fabric/drift.js";
import { type RequestResult, readAnswers, spreadTable } from "./answers.js";
import { loseLeader } from "./leader-loss.js";
import { RequestStream } from "./request-stream.js";
import type { Stage } from "./stage.js";
import { namespacesOfNetwork, sandboxOfTask, taskProcess } from "./task-process.js";

const HERE = resolve(import.meta.dirname, "../../../scripts/demo");
const REQUESTS_PER_HOST = 30;
const FAIR_SHARE = { least: 8, most: 12 };
const HEAL_LIMIT_MS = 10_000;
/** A look may come between the damage and the question. */
const DAMAGE_ATTEMPTS = 5;
const FAILOVER_LIMIT_MS = 1000;
const REQUEST_PAUSE_MS = 5;

interface TaskRow {
  readonly id: string;
  readonly service: string;
  readonly slot: number;
  readonly node: string;
  readonly currentState: string;
}

export class Demonstration {
  constructor(
    readonly cluster: Cluster,
    readonly stage: Stage,
    readonly signal: AbortSignal,
  ) {}

  async run(): Promise<void> {
    const steps = [
      () => this.#createServices(),
      () => this.#askEveryHost(),
      () => this.#askFromInside(),
      () => this.#killUnderLoad(),
      () => loseLeader(this.cluster, this.stage),
      () => this.#inspect(),
      () => this.#tamper(),
    ];
    for (const step of steps) {
      this.signal.throwIfAborted();
      await step();
    }
  }

  #createServices(): void {
    const { stage } = this;
    this.#tsctl("node", "ls");
    stage.title("An overlay network and two services");
    this.#tsctl("network", "create", "shop");
    const server = join(HERE, "web-server.mjs");
    this.#tsctl(
      ...["service", "create", "--runtime", "process", "--name", "web", "--replicas", "3", "--network", "shop"],
      ...["--publish", "8080:80", "--restart-delay", "2s", "--env", "TASK_NAME={{.Task.Name}}"],
      ...["--", process.execPath, server],
    );
    this.#tsctl(
      ...[
        "service",
        "create",
        "--runtime",
        "process",
        "--name",
        "probe",
        "--network",
        "shop",
        "--",
        "sleep",
        "infinity",
      ],
    );
    this.#tsctl("service", "ps", "web");
  }

  async #askEveryHost(): Promise<void> {
    const { cluster, stage } = this;
    stage.title("Port 8080 of every host answers, from all replicas, and sees the client's own address");
    const client = cluster.host("client");
    for (const host of cluster.hosts) {
      const results = await this.#requests("client", `http://${host.address}:8080/`, REQUESTS_PER_HOST);
      const failed = results.filter((result) => result.error !== undefined);
      stage.say(spreadTable(`${host.name} ${host.address}:8080`, results));
      const shares = sharesOf(results);
      stage.check(
        `${host.name}: ${REQUESTS_PER_HOST} requests, none failed, three replicas with ${FAIR_SHARE.least} to ${FAIR_SHARE.most} each`,
        failed.length === 0 &&
          shares.length === 3 &&
          shares.every((n) => n >= FAIR_SHARE.least && n <= FAIR_SHARE.most),
      );
      stage.check(
        `${host.name}: every replica saw the client as ${client.address}`,
        results.every((result) => result.answer?.endsWith(` ${client.address}`)),
      );
    }
  }

  async #askFromInside(): Promise<void> {
    const { stage } = this;
    stage.title("From inside probe's sandbox: names, and the service's virtual address");
    const [probe] = this.#tasks("probe");
    const pid = taskProcess(probe!.id);
    const enter = ["nsenter", "-t", String(pid), "-n", "-m", "--"];
    const lookUp = (name: string) =>
      this.#inside([
        ...enter,
        process.execPath,
        "-e",
        `require("dns").resolve4(${JSON.stringify(name)},(e,a)=>console.log(e?e.code:a.sort().join(" ")))`,
      ]);
    const virtual = lookUp("web").split(" ");
    const tasks = lookUp("tasks.web").split(" ");
    stage.say(`  web        ${virtual.join(" ")}\n  tasks.web  ${tasks.join(" ")}`);
    stage.check("web resolves to one virtual address", virtual.length === 1 && virtual[0]!.startsWith("10."));
    stage.check("tasks.web resolves to the three tasks", tasks.length === 3 && !tasks.includes(virtual[0]!));
    const text = this.#inside([
      ...enter,
      process.execPath,
      join(HERE, "requests.mjs"),
      "http://web/",
      String(REQUESTS_PER_HOST),
    ]);
    const results = readAnswers(text);
    stage.say(spreadTable("http://web from probe", results));
    const shares = sharesOf(results);
    stage.check(
      "requests to http://web spread over the three",
      shares.length === 3 && shares.every((n) => n >= FAIR_SHARE.least && n <= FAIR_SHARE.most),
    );
  }

  async #killUnderLoad(): Promise<void> {
    const { cluster, stage } = this;
    stage.title("A replica's process is killed under a steady stream of requests");
    const before = this.#tasks("web");
    const victim = before[0]!;
    const entry = cluster.hosts.find((host) => host.name !== victim.node)!;
    const stream = new RequestStream(cluster, "client", `http://${entry.address}:8080/`, REQUEST_PAUSE_MS);
    const { results } = stream;
    try {
      await cluster.until("the stream runs", () => results.length >= 50);
      const killedAt = Date.now();
      process.kill(taskProcess(victim.id), "SIGKILL");
      stage.say(`  killed ${fullName(victim)} on ${victim.node}`);
      await cluster.until("a new task serves", () => {
        const running = this.#tasks("web");
        return running.length === 3 && running.every((task) => task.id !== victim.id);
      });
      const replacement = this.#tasks("web").find((task) => before.every((old) => old.id !== task.id))!;
      await cluster.until("the new task answers", () =>
        results.some((result) => result.answer?.startsWith(fullName(replacement))),
      );
      stage.say(`  ${fullName(replacement)} took its place on ${replacement.node}`);
      const { failed } = stream;
      const late = failed.filter((result) => result.started > killedAt + FAILOVER_LIMIT_MS);
      stage.say(
        `  ${results.length} requests, ${failed.length} failed${failed.length > 0 ? `: ${[...new Set(failed.map((one) => one.error))].join(", ")}` : ""}`,
      );
      stage.check("no request that started later than one second after the kill failed", late.length === 0);
    } finally {
      await stream.stop();
    }
  }

  #inspect(): void {
    const { stage } = this;
    stage.title("Wanted and found, node by node");
    const text = this.#tsctl("net", "inspect", "shop");
    stage.check("no drift", /no drift/i.test(text));
  }

  async #tamper(): Promise<void> {
    const { cluster, stage } = this;
    stage.title("Somebody deletes a link, flushes the load balancer and removes an FDB entry");
    const [probe] = this.#tasks("probe");
    const sandbox = sandboxOfTask(probe!.id);
    const shop = networkNamespaces(cluster, "shop");
    const damage: readonly string[][] = [
      ["ip", "-n", sandbox, "link", "del", "eth0"],
      [
        "sh",
        "-c",
        `ip netns exec ${sandbox} nft delete table ip tswarm-lb 2>/dev/null; ip netns exec ${sandbox} ipvsadm -C 2>/dev/null; true`,
      ],
      [
        "sh",
        "-c",
        `bridge -n ${shop[0]} fdb show dev vxlan0 | grep -m1 " dst " | { read mac _ tunnel rest; bridge -n ${shop[0]} fdb del $mac dev vxlan0 dst $tunnel self; }`,
      ],
    ];
    let text = "";
    for (let attempt = 1; attempt <= DAMAGE_ATTEMPTS && !showsDrift(text); attempt++) {
      if (attempt > 1) stage.say("  healed before tsctl had asked: once more");
      for (const command of damage) {
        stage.say(`# ${command.join(" ")}`);
        this.#inside(command);
      }
      text = this.#tsctl("net", "inspect", "shop");
    }
    stage.check("tsctl net inspect shows the drift", showsDrift(text));
    const started = Date.now();
    await cluster.until(
      "everything is healed",
      () => /no drift/i.test(cluster.control(["net", "inspect", "shop"])),
      HEAL_LIMIT_MS,
    );
    stage.check(`healed after ${((Date.now() - started) / 1000).toFixed(1)} s`, Date.now() - started <= HEAL_LIMIT_MS);
    this.#tsctl("net", "inspect", "shop");
  }

  async #requests(host: string, url: string, count: number): Promise<readonly RequestResult[]> {
    return readAnswers(this.cluster.run(host, [process.execPath, join(HERE, "requests.mjs"), url, String(count)]));
  }

  /** Running tasks of a service. */
  #tasks(service: string): readonly TaskRow[] {
    const rows = JSON.parse(this.cluster.control(["service", "ps", service, "--format", "json"])) as TaskRow[];
    return rows.filter((task) => task.currentState === "running");
  }

  #tsctl(...args: readonly string[]): string {
    const output = this.cluster.control(args);
    this.stage.command(`tsctl ${args.map(quote).join(" ")}`, output);
    return output;
  }

  #inside(command: readonly string[]): string {
    return this.cluster.run("client", command).trim();
  }
}

/** As the task names itself: service, slot and id. */
function fullName({ service, slot, id }: TaskRow): string {
  return `${service}.${slot}.${id}`;
}

function sharesOf(results: readonly RequestResult[]): readonly number[] {
  const counts = new Map<string, number>();
  for (const { answer } of results) {
    if (answer === undefined) continue;
    const name = answer.split(" ")[0]!;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts.values()];
}

function networkNamespaces(cluster: Cluster, network: string): readonly string[] {
  const [facts] = JSON.parse(cluster.control(["network", "inspect", network, "--format", "json"])) as {
    readonly id: string;
  }[];
  return namespacesOfNetwork(facts!.id);
}

function quote(text: string): string {
  return /^[\w./:=@,+-]+$/.test(text) ? text : `'${text}'`;
}
