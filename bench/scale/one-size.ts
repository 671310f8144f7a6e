/** `one-size.js AGENTS TASKS`: one cluster in this process. Prints a {@link ScaleResult} as JSON. */
import { randomBytes } from "node:crypto";
import { Metadata } from "@grpc/grpc-js";
import { Cluster, Service } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole, UpdateConfig_UpdateOrder as Order } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { Any } from "../../src/api/generated/google/protobuf/any.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import type { CallContext } from "../../src/api/server-call.js";
import { Allocator } from "../../src/manager/allocator/allocator.js";
import { Dispatcher } from "../../src/manager/dispatcher/dispatcher.js";
import { Registrar } from "../../src/manager/dispatcher/registrar.js";
import { ControlLoop } from "../../src/manager/loop/control-loop.js";
import { newNode } from "../../src/manager/new-node.js";
import { ServiceOrchestrator } from "../../src/manager/orchestrator/service-orchestrator.js";
import { ConstraintEnforcer } from "../../src/manager/scheduler/constraint-enforcer.js";
import { Scheduler } from "../../src/manager/scheduler/scheduler.js";
import type { CommittedEntry } from "../../src/raft/node/raft.js";
import type { CallerIdentity } from "../../src/security/identity.js";
import { systemClock as clock } from "../../src/store/clock.js";
import type { Proposal } from "../../src/store/proposer.js";
import { ReplicatedStore } from "../../src/store/replicated-store.js";
import { SimulatedAgent, type TaskCounts } from "./simulated-agent.js";

export interface Step {
  readonly wallMs: number;
  readonly cpuMs: number;
}

export interface ScaleResult {
  readonly steps: Readonly<Record<string, Step>>;
  readonly rssMb: number;
}

const SERVICES = 100;
/** Sessions that begin at the same time, as the port for nodes lets them in. */
const CROWD = 100;
/** Agents come within the cluster's period of 5 s, a part of them at a time. */
const BEAT_MS = 4000;
const BEATS = 40;
const PATIENCE_MS = 300_000;

const [agents, tasks] = process.argv.slice(2).map(Number) as [number, number];
const log = (line: string) => process.stderr.write(`${line}\n`);
const random = (size: number) => randomBytes(size);
const steps: Record<string, Step> = {};
const counts: TaskCounts = { told: 0, running: 0 };

const replicated = new ReplicatedStore({ clock, random, log });
const { store, machine } = replicated;
let index = 0;
replicated.attach({
  id: "1",
  leadership: { role: "leader", leader: "1", term: 1 },
  get nextIndex() {
    return index + 1;
  },
  // A log that takes everything, a turn of the event loop later.
  propose: async (data, local) => {
    const entry: CommittedEntry<Proposal> = { index: ++index, term: 1, data, local };
    await new Promise((resolve) => setImmediate(resolve));
    machine.apply([entry]);
  },
});

const MANAGER = nodeIdOf(0);
const identity: CallerIdentity = {
  identify: ({ peer }) => ({ nodeId: peer, role: NodeRole.WORKER, peer }),
  origin: ({ peer }) => ({ peer, caller: undefined }),
};

await store.update((tx) => {
  tx.create("cluster", Cluster.fromPartial({ id: "cluster", spec: { annotations: { name: "default" } } }));
});
const numbers = Array.from({ length: agents }, (_, number) => number + 1);
await store.batch(numbers, (tx, number) => tx.create("node", newNode(nodeIdOf(number), NodeRole.WORKER, undefined)));

const registrar = new Registrar({ store, clock, managerNodeId: MANAGER, log });
const dispatcher = new Dispatcher({
  ...{ store, clock, random, identity, log },
  managerNodeId: MANAGER,
  managerAddress: "10.0.0.1:2377",
});
const loop = new ControlLoop(
  store,
  clock,
  [
    new ConstraintEnforcer(store),
    new ServiceOrchestrator({ store, clock, random }),
    new Allocator({ store, clock, subnetSources: [], log }),
    new Scheduler(store, clock),
  ],
  log,
);
registrar.start();
dispatcher.start();
dispatcher.follow(registrar.open(MANAGER, (nodeIds) => dispatcher.superseded(nodeIds)));
loop.start();

const cluster: SimulatedAgent[] = [];
let turn = 0;
setInterval(() => {
  // Each of them once in a period, not all at once.
  for (let i = turn++ % BEATS; i < cluster.length; i += BEATS) cluster[i]!.beat();
}, BEAT_MS / BEATS);
await step("sessions", async () => {
  for (let at = 0; at < agents; at += CROWD) {
    cluster.push(...(await Promise.all(numbers.slice(at, at + CROWD).map(begin))));
  }
});
const created = begun();
await createServices();
await until("every agent has its tasks", () => counts.told === tasks);
end("told", created);
await until("all run", () => counts.running === tasks);
end("running", created);
const rssMb = process.memoryUsage().rss / 1e6;
await step("beat", async () => {
  for (const agent of cluster) agent.beat();
});
await step("updated", async () => {
  await store.batch(services(), (tx, { id }) => {
    const service = tx.get("service", id)!;
    const spec = { ...service.spec!, task: { ...service.spec!.task!, forceUpdate: 1 } };
    const versions = { specVersion: service.meta?.version, previousSpecVersion: service.specVersion };
    tx.update("service", { ...service, ...versions, spec, previousSpec: service.spec });
  });
  await until("the update is done", () =>
    services().every(({ updateStatus }) => updateStatus?.completedAt !== undefined),
  );
});
await step("removed", async () => {
  await store.batch(services(), (tx, { id }) => {
    tx.remove("service", id);
  });
  await until("nothing is left", () => counts.told === 0 && store.view((read) => read.all("task").length) === 0);
});
process.stdout.write(JSON.stringify({ steps, rssMb } satisfies ScaleResult));
process.exit(0);

function begin(number: number): Promise<SimulatedAgent> {
  const context: CallContext = { path: "", metadata: new Metadata(), peer: nodeIdOf(number) };
  return SimulatedAgent.begin(dispatcher, context, `host${number}`, counts);
}

async function createServices(): Promise<void> {
  const payload = Any.fromPartial({
    typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
    value: Buffer.from(ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["/bin/true"] })).finish()),
  });
  const all = Array.from({ length: SERVICES }, (_, number) =>
    Service.fromPartial({
      id: `service${number}`.padStart(25, "0"),
      spec: {
        annotations: { name: `web${number}` },
        mode: { $case: "replicated", value: { replicas: tasks / SERVICES } },
        task: { runtime: { $case: "generic", value: { kind: "process", payload } } },
        update: { parallelism: 0, order: Order.START_FIRST, monitor: { seconds: 0, nanos: 1 } },
      },
    }),
  );
  await store.batch(all, (tx, service) => tx.create("service", service));
}

function services(): readonly Service[] {
  return store.view((read) => read.all("service"));
}

async function step(name: string, work: () => Promise<void>): Promise<void> {
  const start = begun();
  await work();
  end(name, start);
}

function begun(): Step {
  return { wallMs: performance.now(), cpuMs: cpuMs() };
}

function end(name: string, start: Step): void {
  steps[name] = { wallMs: performance.now() - start.wallMs, cpuMs: cpuMs() - start.cpuMs };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const last = performance.now() + PATIENCE_MS;
  while (!holds()) {
    if (performance.now() > last) throw new Error(`never: ${what}; ${JSON.stringify(counts)}`);
    await new Promise((wake) => setTimeout(wake, 10));
  }
}

function nodeIdOf(number: number): string {
  return `node${number}`.padStart(25, "0");
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
