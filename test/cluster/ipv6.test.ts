/** Two hosts with real daemons, and a network of both families: what a program in a task sees, and what is left afterwards. */
import { execFileSync, spawnSync } from "node:child_process";
import { resolve } from "node:path";
import type { ExecutionContext } from "ava";
import { namespacesOfNetwork, sandboxOfTask, taskProcess } from "../../scripts/demo/task-process.js";
import type { Cluster } from "../../scripts/fabric/cluster.js";
import { kernelTest } from "../kernel/kernel-test.js";
import { probe } from "../kernel/probes.js";
import { running, withCluster } from "./with-cluster.js";

const SOURCE = resolve(import.meta.dirname, "../../../test/cluster");
const CONTROL = resolve(import.meta.dirname, "../../src/cli/main.js");
const SERVER = [process.execPath, `${SOURCE}/six-server.mjs`];
const NEEDS = ["ipv6", "vxlan", "load-balancer", "packet-filter", "native-speed"] as const;
const FOUR = "10.77.0.0/24";
const SIX = "fd00:77::/64";

/** What a question was answered, or "error CODE". */
type Answer = string | readonly string[];
type Question = readonly [kind: "AAAA" | "A" | "PTR" | "lookup" | "get" | "udp", about: string, family?: 4 | 6];

interface Placed {
  readonly id: string;
  readonly name: string;
  readonly node: string;
  readonly four: string;
  readonly six: string;
}

function json<T>(cluster: Cluster, ...args: readonly string[]): T {
  return JSON.parse(cluster.control([...args, "--format", "json"])) as T;
}

/** The tasks of a service that run, with their addresses on the network of both families. */
function placed(cluster: Cluster, service: string): readonly Placed[] {
  return running(cluster, service).map(({ id, slot, node }) => {
    const [task] = json<
      { networks: { network: { spec: { ipv6Enabled?: boolean } }; addresses: string[] }[]; nodeId: string }[]
    >(cluster, ...["task", "inspect", id]);
    const both = task!.networks.find(({ network }) => network.spec.ipv6Enabled)!.addresses.map(bare);
    return { id, node, name: `${service}.${slot || task!.nodeId}.${id}`, four: both[0]!, six: both[1]! };
  });
}

/** On the network of both families. */
function virtualAddresses(cluster: Cluster, service: string): readonly string[] {
  const [found] = json<{ endpoint: { virtualIps?: { networkId: string; addr: string }[] } }[]>(
    cluster,
    ...["service", "inspect", service],
  );
  const [network] = json<{ id: string }[]>(cluster, "network", "inspect", "shop");
  const own = (found!.endpoint.virtualIps ?? []).filter(({ networkId }) => networkId === network!.id);
  return own.map(({ addr }) => bare(addr));
}

/** Asks as a program of the task does: in its namespaces, with its own files. */
function ask(task: Placed, ...questions: readonly Question[]): readonly Answer[] {
  const program = [process.execPath, `${SOURCE}/six-probe.mjs`, JSON.stringify(questions)];
  const inside = ["-t", String(taskProcess(task.id)), "-n", "-m", "--", ...program];
  return JSON.parse(execFileSync("nsenter", inside, { encoding: "utf8" })) as readonly Answer[];
}

function times<T>(count: number, item: T): readonly T[] {
  return Array.from({ length: count }, () => item);
}

function bare(prefix: string): string {
  return prefix.split("/")[0]!;
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...texts].sort();
}

function ip(namespace: string, ...args: readonly string[]): string {
  return execFileSync("ip", ["-n", namespace, ...args], { encoding: "utf8" });
}

async function untilNoDrift(cluster: Cluster): Promise<void> {
  const isWhole = () => {
    const text = cluster.control(["net", "inspect", "shop"]);
    return /\nno drift\n$/.test(text);
  };
  await cluster.until("every node has what it wants", isWhole, 60_000);
}

/** A network of both families, with a service on both hosts, one without virtual addresses, and a client on each host. */
async function setUp(cluster: Cluster): Promise<void> {
  cluster.control(["network", "create", "--ipv6", "--subnet", FOUR, "--subnet", SIX, "shop"]);
  cluster.control(["network", "create", "four"]);
  const onEach = ["--replicas", "2", "--replicas-max-per-node", "1", "--restart-delay", "100ms"];
  const named = ["--env", "TASK_NAME={{.Task.Name}}"];
  const create = (name: string, ...more: readonly string[]) =>
    cluster.control(["service", "create", "--name", name, "--network", `shop,alias=${name}-alias`, ...more]);
  create("web", ...onEach, ...named, "--publish", "8080:80", "--", ...SERVER);
  create("rr", ...onEach, ...named, "--endpoint-mode", "dnsrr", "--", ...SERVER);
  create("probe", ...onEach, "--network", "four", "--", "sleep", "infinity");
  await cluster.until("all tasks run", () =>
    ["web", "rr", "probe"].every((service) => running(cluster, service).length === 2),
  );
  await untilNoDrift(cluster);
}

/** Whether nodes say that they balance IPv6, and what balances their load. */
function support(cluster: Cluster): { readonly isBalanced: boolean; readonly driver: string } {
  const [node] = json<{ description: { engine: { labels: Record<string, string> } } }[]>(
    cluster,
    ...["node", "inspect", "host1"],
  );
  const { labels } = node!.description.engine;
  return { isBalanced: labels["tswarm.ipv6"] === "balanced", driver: labels["tswarm.load-balancer"]! };
}

/** What stands when a question is asked. */
interface Scene {
  /** One on each host. */
  readonly clients: readonly Placed[];
  readonly web: readonly Placed[];
  readonly rr: readonly Placed[];
  readonly vip4: string;
  readonly vip6: string;
  readonly isBalanced: boolean;
}

function sceneOf(cluster: Cluster): Scene {
  const [vip4 = "", vip6 = ""] = virtualAddresses(cluster, "web");
  const { isBalanced } = support(cluster);
  return {
    clients: placed(cluster, "probe"),
    web: placed(cluster, "web"),
    rr: placed(cluster, "rr"),
    vip4,
    vip6,
    isBalanced,
  };
}

/** Names, virtual addresses and tasks, from both hosts to both hosts. */
function reachable(t: ExecutionContext, cluster: Cluster, when: string): void {
  t.deepEqual(virtualAddresses(cluster, "rr"), []);
  const scene = sceneOf(cluster);
  for (const client of scene.clients) {
    const label = `${when}: ${client.node}`;
    named(t, client, scene, label);
    direct(t, client, scene, label);
    shared(t, client, scene, label);
  }
}

/** Asks everything at once, and compares. */
function answered(
  t: ExecutionContext,
  client: Placed,
  label: string,
  expected: readonly (readonly [Question, Answer])[],
) {
  const answers = ask(client, ...expected.map(([question]) => question));
  const said = (all: readonly Answer[]) => all.map((answer, at) => [expected[at]![0].join(" "), answer]);
  t.deepEqual(said(answers), said(expected.map(([, answer]) => answer)), label);
}

/** By the tasks' own addresses. */
function direct(t: ExecutionContext, client: Placed, { web, rr }: Scene, label: string): void {
  const expected = [...web, ...rr].flatMap(({ name, four, six }): (readonly [Question, Answer])[] => [
    [["get", six, 6], `${name} ${client.six}`],
    [["udp", six], `${name} ${client.six}`],
    [["get", four, 4], `${name} ${client.four}`],
  ]);
  answered(t, client, label, expected);
}

function named(t: ExecutionContext, client: Placed, { web, rr, vip4, vip6, isBalanced }: Scene, label: string): void {
  const ofWeb = sorted(web.map(({ six }) => six));
  const standing = isBalanced ? [vip6] : ofWeb;
  const hostname = client.id.slice(0, 12);
  answered(t, client, label, [
    [["AAAA", "web"], standing],
    [["AAAA", "web-alias.shop"], standing],
    [["lookup", "web"], standing],
    [["A", "web"], [vip4]],
    [["AAAA", "tasks.web"], ofWeb],
    [["AAAA", "rr"], sorted(rr.map(({ six }) => six))],
    [["AAAA", "tasks.nosuch"], "error ENOTFOUND"],
    [["AAAA", "probe.four"], "error ENODATA"],
    [["PTR", vip6], ["web.shop"]],
    ...[...web, ...rr].flatMap(({ name, six }): (readonly [Question, Answer])[] => [
      [["AAAA", name], [six]],
      [["PTR", six], [`${name}.shop`]],
    ]),
    // Its own names.
    [["lookup", hostname], [client.six]],
    [["AAAA", hostname], [client.six]],
    [["AAAA", client.name], [client.six]],
  ]);
}

/** By name, and where it is balanced by the virtual address: each task gets its share, and sees who called. */
function shared(t: ExecutionContext, client: Placed, { web, vip4, vip6, isBalanced }: Scene, label: string): void {
  const questions: readonly Question[] = [
    ["get", "web", 6],
    ["get", vip4, 4],
    ["get", vip6, 6],
    ["udp", vip6],
  ];
  const asked = isBalanced ? questions : questions.slice(0, 2);
  const answers = ask(client, ...asked.flatMap((question) => times(8, question))) as string[];
  asked.forEach((question, at) => {
    const [, about, family = 6] = question;
    const all = web.flatMap(({ name }) => times(4, `${name} ${family === 4 ? client.four : client.six}`));
    const own = sorted(answers.slice(at * 8, at * 8 + 8));
    // Without a virtual address the name's answer comes in any order.
    if (about !== "web" || isBalanced) t.deepEqual(own, sorted(all), `${label}, ${question}`);
    else
      t.true(
        own.every((answer) => all.includes(answer)),
        `${label}, ${question}: ${own}`,
      );
  });
}

kernelTest.serial(
  "on a network of both families tasks find and reach each other over IPv6, from every node and after every failure",
  { needs: NEEDS },
  async (t) => {
    await withCluster(t, "x", { hosts: ["host1", "host2"] }, async (cluster) => {
      await setUp(cluster);
      said(t, cluster);
      reachable(t, cluster, "at first");
      apart(t, cluster);
      published(t, cluster);

      const scene = sceneOf(cluster);
      await cluster.stopDaemon("host2", "SIGKILL");
      for (const client of scene.clients) direct(t, client, scene, `without host2's agent: ${client.node}`);
      await cluster.startDaemon("host2");
      await untilNoDrift(cluster);
      reachable(t, cluster, "after a restart");

      await replaced(t, cluster);
      await tampered(t, cluster);
      await gone(t, cluster);
    });
  },
);

/** What tsctl shows. */
function said(t: ExecutionContext, cluster: Cluster): void {
  const { isBalanced, driver } = support(cluster);
  t.is(isBalanced, probe(driver === "ipvs" ? "ipvs-ipv6" : "nftables-ipv6") === undefined, driver);
  t.regex(cluster.control(["network", "ls"]), /shop\s+overlay\s+10\.77\.0\.0\/24, fd00:77::\/64\s+ipv6/);
  t.regex(
    cluster.control(["network", "inspect", "shop"]),
    /10\.77\.0\.0\/24, fd00:77::\/64[\s\S]*10\.77\.0\.1, fd00:77::1/,
  );
  const [vip4, vip6] = virtualAddresses(cluster, "web");
  t.regex(cluster.control(["service", "inspect", "web"]), new RegExp(`shop ${vip4}/24[\\s\\S]*shop ${vip6}/64`));
  const [task] = placed(cluster, "web");
  const text = cluster.control(["task", "inspect", task!.id]);
  t.true(text.includes(`${task!.four}/24`) && text.includes(`${task!.six}/64`), text);
  const seen = cluster.control(["net", "inspect", "shop", "--all", "--no-trunc"]);
  for (const { six } of placed(cluster, "web")) {
    t.regex(seen, new RegExp(`address .* ${six}/64`), seen);
    t.regex(seen, new RegExp(`neighbour .*${six} `), "on the other node");
  }
  t.regex(seen, /web AAAA/);
  t.regex(seen, /tasks\.web AAAA/);
  const wrong = spawnSync(
    process.execPath,
    [CONTROL, "-s", cluster.socket, "network", "create", "--ipv6", "--ingress", "mesh"],
    {
      encoding: "utf8",
    },
  );
  t.not(wrong.status, 0);
  t.regex(wrong.stderr, /published ports are answered over IPv4 alone/);
}

/** No way but the network's own: no link-local address, no default route, no IPv6 on the links to ingress and to the host. */
function apart(t: ExecutionContext, cluster: Cluster): void {
  for (const { id, six } of [...placed(cluster, "web"), ...placed(cluster, "probe")]) {
    const sandbox = sandboxOfTask(id);
    const addresses = ip(sandbox, "-6", "-o", "address").trim().split("\n");
    t.deepEqual(
      addresses.map((line) => line.split(/\s+/)[3]),
      ["::1/128", `${six}/64`],
      sandbox,
    );
    t.false(/default|fe80/.test(ip(sandbox, "-6", "route")), ip(sandbox, "-6", "route"));
  }
}

/** Published ports are answered over IPv4, and refused at once over IPv6. */
function published(t: ExecutionContext, cluster: Cluster): void {
  for (const { name, namespace, address } of cluster.hosts) {
    const program = [process.execPath, `${SOURCE}/six-probe.mjs`];
    const questions = [...times(4, ["get", address, 4, 8080]), ["get", "::1", 6, 8080]];
    const inside = [`--net=/run/netns/${namespace}`, "--", ...program, JSON.stringify(questions)];
    const answers = JSON.parse(execFileSync("nsenter", inside, { encoding: "utf8" })) as string[];
    t.is(new Set(answers.slice(0, 4)).size, 2, `${name}: ${answers}`);
    t.regex(answers[4]!, /^error (ECONNREFUSED|EADDRNOTAVAIL)$/, name);
  }
}

/** A task is killed: nothing of its address is left anywhere, and its successor serves. */
async function replaced(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const [victim, other] = placed(cluster, "web");
  process.kill(taskProcess(victim!.id), "SIGKILL");
  await cluster.until("another task runs", () => {
    const ids = running(cluster, "web").map(({ id }) => id);
    return ids.length === 2 && !ids.includes(victim!.id);
  });
  await untilNoDrift(cluster);
  const web = placed(cluster, "web");
  t.true(
    web.every(({ six }) => six !== victim!.six),
    "its address rests",
  );
  t.true(web.some(({ six }) => six === other!.six));
  reachable(t, cluster, "after a task was replaced");
  const seen = cluster.control(["net", "inspect", "shop", "--all", "--no-trunc"]);
  t.false(seen.includes(`${victim!.six} `), "no name, neighbour or backend");
  const [network] = json<{ id: string }[]>(cluster, "network", "inspect", "shop");
  for (const namespace of namespacesOfNetwork(network!.id)) {
    t.false(ip(namespace, "-6", "neigh").includes(`${victim!.six} `), namespace);
  }
}

/** What somebody's hand has taken away comes back: a look may be quicker than who asks for what is missing. */
async function tampered(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const [task] = placed(cluster, "probe");
  ip(sandboxOfTask(task!.id), "-6", "address", "flush", "dev", "eth0", "scope", "global");
  const [network] = json<{ id: string }[]>(cluster, "network", "inspect", "shop");
  for (const namespace of namespacesOfNetwork(network!.id))
    ip(namespace, "-6", "neigh", "flush", "dev", "vxlan0", "nud", "permanent");
  await untilNoDrift(cluster);
  t.true(ip(sandboxOfTask(task!.id), "-6", "address").includes(`${task!.six}/64`));
  reachable(t, cluster, "after a hand in the kernel");
}

/** What is removed leaves nothing. */
async function gone(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const [vip4, vip6] = virtualAddresses(cluster, "web");
  const [network] = json<{ id: string }[]>(cluster, "network", "inspect", "shop");
  const client = placed(cluster, "probe")[0]!;
  cluster.control(["service", "rm", "web", "rr"]);
  await cluster.until("the service's names are gone", () => {
    const [four, six] = ask(client, ["AAAA", "tasks.web"], ["AAAA", "tasks.rr"]);
    return four === "error ENOTFOUND" && six === "error ENOTFOUND";
  });
  await untilNoDrift(cluster);
  const seen = cluster.control(["net", "inspect", "shop", "--all", "--no-trunc"]);
  t.false(seen.includes(` ${vip6} `) || seen.includes(` ${vip4} `), seen);
  const sandbox = sandboxOfTask(client.id);
  t.false(ip(sandbox, "-6", "route", "show", "table", "local").includes(vip6!), "no route to the virtual address");
  cluster.control(["service", "rm", "probe"]);
  await cluster.until("nothing of the network is left", () => namespacesOfNetwork(network!.id).length === 0);
  cluster.control(["network", "rm", "shop", "four"]);
}
