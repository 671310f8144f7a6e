/** tsctl against the real manager, with agents that say of every task that it runs. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { NodeRole, TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { Manager } from "../../src/manager/manager.js";
import { admit, agentIdentity, LONG_LIVED } from "../manager/admitted-nodes.js";
import { FakeAgent } from "../manager/fake-agent.js";
import { id } from "./fixtures.js";
import { type Outcome, type Running, start } from "./run.js";

interface Cluster {
  readonly agents: readonly FakeAgent[];
  start(...args: string[]): Running;
  run(...args: string[]): Promise<Outcome>;
  /** Runs what must succeed. @returns what it prints */
  done(...args: string[]): Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: what a command prints as JSON
  json(...args: string[]): Promise<any>;
}

async function startCluster(t: ExecutionContext): Promise<Cluster> {
  const directory = mkdtempSync(join(tmpdir(), "tswarm-ctl-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const socket = join(directory, "control.sock");
  const manager = new Manager({
    stateDir: join(directory, "state"),
    controlSocket: socket,
    remoteAddress: "127.0.0.1:0",
    nodeId: id("n1"),
    bootstrap: LONG_LIVED,
    random: randomBytes,
    // These agents send no heartbeats.
    heartbeatPeriodMs: 3_600_000,
    log: (line) => t.log(line),
  });
  await manager.start();
  t.teardown(() => manager.stop());
  await admit(manager.store, id("n2"), NodeRole.WORKER);
  const credentials = agentIdentity(manager.store, id("n2")).channelCredentials();
  const agents = [
    new FakeAgent(socket, id("n1"), "host1"),
    new FakeAgent(`127.0.0.1:${manager.remotePort}`, id("n2"), "host2", credentials),
  ];
  for (const agent of agents) {
    t.teardown(() => agent.stop());
    await agent.start();
  }
  const begin = (...args: string[]) => start(args, { SWARM_SOCKET: socket });
  const run = (...args: string[]) => begin(...args).outcome;
  const done = async (...args: string[]) => {
    const { status, stdout, stderr } = await run(...args);
    t.is(status, 0, `${args.join(" ")}: ${stderr}`);
    return stdout;
  };
  return {
    agents,
    start: begin,
    run,
    done,
    json: async (...args) => JSON.parse(await done(...args, "--format", "json")),
  };
}

test("a service is created, scaled, changed and removed", async (t) => {
  const { done, json } = await startCluster(t);
  const nodes = await json("node", "ls");
  t.deepEqual(
    nodes.map(({ hostname, status }: Record<string, string>) => [hostname, status]),
    [
      ["host1", "ready"],
      ["host2", "ready"],
    ],
  );
  const networkId = (await done("network", "create", "shop")).trim();
  const serviceId = (
    await done(
      ...[
        "service",
        "create",
        "--name",
        "web",
        "--replicas",
        "3",
        "--network",
        "shop,alias=front",
        "--publish",
        "8080:80",
      ],
      ...["--env", "TASK={{.Task.Name}}", "--limit-memory", "64M", "--", "node", "server.js"],
    )
  ).trim();
  const [service] = await json("service", "inspect", "web");
  t.is(service.id, serviceId);
  t.deepEqual(service.spec.task.networks, [{ target: networkId, aliases: ["front"] }]);
  t.deepEqual(service.spec.task.generic.payload.env, ["TASK={{.Task.Name}}"]);
  const running = async (service: string) =>
    (await json("service", "ps", service, "--filter", "desired-state=running")) as Record<string, string>[];
  t.deepEqual(
    (await running("web")).map(({ name, currentState }) => [name, currentState]),
    [1, 2, 3].map((slot) => [`web.${slot}`, "running"]),
  );
  const [net] = (await json("net", "ls")).filter(({ name }: { name: string }) => name === "shop");
  t.like(net, { nodes: 2, tasks: 3, vnis: [4097] });

  await done("service", "scale", "web=1");
  t.is((await running("web")).length, 1);
  await done(
    ...["service", "update", "web", "--replicas", "2", "--publish-rm", "80", "--publish-add", "8081:80"],
    ...["--update-monitor", "100ms", "--update-parallelism", "0", "--", "node", "other.js"],
  );
  t.is((await running("web")).length, 2);
  const [listed] = await json("service", "ls");
  t.like(listed, { running: 2, desired: 2, runs: "node other.js", update: "completed: update completed" });
  t.deepEqual(listed.ports, [{ published: 8081, target: 80, protocol: "tcp", mode: "ingress" }]);

  await done("service", "create", "--name", "agent", "--mode", "global", "--", "sleep", "infinity");
  t.deepEqual((await running("agent")).map(({ name }) => name).sort(), ["agent.host1", "agent.host2"]);
  t.is(await done("service", "rm", "web", "agent"), "web\nagent\n");
  t.deepEqual(await json("service", "ls"), []);
});

test("why tasks do not run is told while it is waited for", async (t) => {
  const { agents, json, start } = await startCluster(t);
  for (const agent of agents) agent.outcome = () => TaskState.READY;
  const running = start("service", "create", "--name", "web", "--constraint", "node.hostname==nowhere", "--", "true");
  await running.untilError("web.1: pending (no suitable node");
  running.signal("SIGINT");
  t.is((await running.outcome).status, 130);
  t.is((await json("service", "ls")).length, 1, "the service stays");
});

const refused: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ["name taken", ["service", "create", "--name", "web", "--", "x"], 1, /service web already exists/],
  [
    "port taken",
    ["service", "create", "--name", "b", "-p", "8080:81", "--", "x"],
    1,
    /port '?8080'?.* in use by service '?web'?/,
  ],
  [
    "the cluster's own port",
    ["service", "create", "--name", "b", "-p", "4789:80/udp", "--", "x"],
    1,
    /port 4789\/udp is used by the cluster/,
  ],
  [
    "unknown network",
    ["service", "create", "--name", "b", "--network", "no-such", "--", "x"],
    1,
    /no such network: no-such/,
  ],
  ["unknown service", ["service", "ps", "no-such"], 1, /no such service: no-such/],
  ["network name taken", ["network", "create", "shop"], 1, /network shop already exists/],
  ["overlapping subnet", ["network", "create", "--subnet", "10.0.0.0/16", "b"], 1, /subnet 10\.0\.0\.0\/16 overlaps/],
  ["bad subnet", ["network", "create", "--subnet", "10.0.0/24", "b"], 2, /--subnet: "10\.0\.0\/24" is not a subnet/],
  ["network in use", ["network", "rm", "shop"], 1, /network shop is in use by service web/],
  [
    "ingress network",
    ["network", "rm", "ingress"],
    1,
    /ingress network ingress cannot be removed: service web publishes/,
  ],
];

test("what the cluster refuses is one line, and changes nothing", async (t) => {
  const { done, json, run } = await startCluster(t);
  await done("network", "create", "shop");
  await done("service", "create", "-d", "--name", "web", "--network", "shop", "-p", "8080:80", "--", "true");
  const state = async () => [await json("service", "inspect", "web"), await json("network", "ls")];
  const [[before], networks] = await state();
  for (const [title, args, status, message] of refused) {
    const outcome = await run(...args);
    t.is(outcome.status, status, title);
    t.is(outcome.stdout, "", title);
    t.regex(outcome.stderr, message);
    t.regex(outcome.stderr, /^tsctl: [^\n]+\n$/, title);
  }
  const [[after], networksAfter] = await state();
  t.deepEqual(after.spec, before.spec);
  t.deepEqual(networksAfter, networks);
  t.is((await json("service", "ls")).length, 1);
});

test("a network without an address left for a task says so", async (t) => {
  const { done, start } = await startCluster(t);
  await done("network", "create", "--subnet", "10.9.0.0/30", "tiny");
  const running = start("service", "create", "--name", "web", "--replicas", "5", "--network", "tiny", "--", "true");
  const outcome = await Promise.race([running.outcome, running.untilError("address")]);
  running.signal("SIGINT");
  const { stderr } = outcome ?? (await running.outcome);
  t.regex(stderr, /address/);
});

test("net inspect of agents that hold no link says which", async (t) => {
  const { done, run } = await startCluster(t);
  await done("network", "create", "shop");
  const { status, stdout } = await run("net", "inspect", "shop", "--exit-code");
  t.is(status, 3);
  t.regex(stdout, /^host1: .+$/m);
  t.regex(stdout, /\n2 nodes gave no full answer; nothing drifted on the others\n$/);
});
