/** A node of the simulated cluster: the real session with a manager and the real worker, on a host that runs nothing real. */
import { DispatcherSession } from "../../src/agent/session/dispatcher-session.js";
import { type DispatcherTransport, grpcDispatcher } from "../../src/agent/session/dispatcher-transport.js";
import { ManagerChoice, ManagerList } from "../../src/agent/session/manager-choice.js";
import { streamTransport } from "../../src/agent/session/stream-transport.js";
import type { Clock } from "../../src/agent/worker/clock.js";
import { Worker } from "../../src/agent/worker/worker.js";
import {
  type AssignmentsMessage,
  type DispatcherClient,
  DispatcherService,
} from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { NodeDescription } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import type { SimulatedProcess } from "../simulation/process-host.js";
import { SeededRandom } from "../simulation/random.js";
import type { VirtualTime } from "../simulation/virtual-time.js";
import type { ClusterWorld } from "./cluster-world.js";
import { FakeHost } from "./fake-host.js";
import { SimulatedClient } from "./simulated-grpc.js";
import { TurnHost } from "./whose-turn.js";

/** How an agent speaks with managers. */
export type AgentKind =
  /** By tswarm's stream. */
  | "tswarm"
  /** By SwarmKit's calls. */
  | "swarmkit";

export class AgentHost {
  readonly machine: TurnHost;
  readonly host: FakeHost;
  /** It will not start again. */
  isGone = false;
  worker: Worker | undefined;
  session: DispatcherSession | undefined;
  /** Messages with assignments that are lost from now on, before the connection breaks. */
  losing = 0;
  readonly #world: ClusterWorld;
  readonly #random: SeededRandom;
  #managers: readonly string[];

  /**
   * @param name where it is, as the network names it
   * @param managers places of managers that it was told of
   */
  constructor(
    world: ClusterWorld,
    readonly name: string,
    readonly nodeId: string,
    readonly kind: AgentKind,
    readonly description: NodeDescription,
    managers: readonly string[],
  ) {
    this.#world = world;
    this.#managers = managers;
    this.#random = new SeededRandom(world.seed, `agent ${name}`);
    this.machine = new TurnHost(name, world.turns, undefined, (process) => world.lines.died(process));
    this.host = new FakeHost(nodeId, world.time, this.#random, world.nodeRules, world.flaws);
  }

  get isUp(): boolean {
    return this.machine.process !== undefined;
  }

  get isRegistered(): boolean {
    return this.session?.registered ?? false;
  }

  start(): void {
    if (this.isUp || this.isGone) return;
    const process = this.machine.start();
    this.machine.perform(() => this.#run(process));
  }

  startLater(afterMs: number): void {
    this.#world.time.after(afterMs, () => this.start());
  }

  /** @param power the host goes down with all that runs there; else the agent alone */
  crash(power: boolean): void {
    if (!this.isUp) return;
    this.#world.trace.note(this.name, power ? "node: power fails" : "node: the agent is killed");
    this.machine.kill();
    this.worker = undefined;
    this.session = undefined;
    if (power) this.host.losePower();
  }

  /** For good. */
  end(): void {
    this.crash(true);
    this.isGone = true;
    this.host.losePower();
  }

  #run(process: SimulatedProcess): void {
    const { trace } = this.#world;
    const random = this.#random.next;
    const clock = clockOf(process, this.#world.time);
    const log = (line: string) => {
      if (process.isAlive) trace.note(this.name, line);
    };
    const worker = new Worker({
      stateDir: "",
      records: this.host.recordsFor(process),
      executors: [this.host.executorFor(process)],
      network: this.host.networkFor(process),
      report: (id, status) => session.report(id, status),
      clock,
      random,
      log: () => undefined,
    });
    const list = new ManagerList(this.#managers);
    const choice = new ManagerChoice(list, random);
    const session = new DispatcherSession({
      connect: () => this.#connect(process, choice),
      describe: () => this.description,
      assignments: {
        streamOpened: () => worker.streamOpened(),
        apply: (message) => this.#assigned(worker, message, process),
        statuses: () => worker.statuses(),
      },
      onNode: () => undefined,
      onManagers: (managers) => {
        this.#managers = managers.flatMap(({ peer }) => peer?.addr ?? []);
        list.setKnown(this.#managers);
      },
      log,
      random,
      clock,
    });
    this.worker = worker;
    this.session = session;
    void worker.start().then(() => {
      if (process.isAlive) session.start();
    });
  }

  #assigned(worker: Worker, message: AssignmentsMessage, process: SimulatedProcess): "applied" | "resync" {
    if (!process.isAlive) return "applied";
    if (this.losing > 0) {
      // What follows may get through, on top of what was lost.
      if (--this.losing === 0)
        this.#world.time.after(this.#random.between(1, 2000), () => this.#world.lines.sever(process));
      this.#world.trace.note(this.name, "node: assignments are lost");
      return "applied";
    }
    const { assignments = (sound) => sound } = this.#world.flaws;
    const result = worker.apply(assignments(message));
    if (result === "applied") this.#world.nodeRules.assigned(this.nodeId, worker.assignments);
    return result;
  }

  #connect(process: SimulatedProcess, choice: ManagerChoice): DispatcherTransport {
    const { exchange, clusterId } = this.#world;
    const address = choice.pick(this.#world.time.now);
    const place = { process, name: this.name };
    const subject = () => ({
      nodeId: this.nodeId,
      organizationalUnit: "swarm-worker",
      organization: clusterId,
    });
    const client = new SimulatedClient(exchange, place, address, subject);
    const calls = grpcDispatcher(dispatcherCalls(client), (failure) => {
      if (failure) choice.failed(address, failure.silent ? "silent" : "refused", this.#world.time.now);
    });
    if (this.kind === "swarmkit") return calls;
    return streamTransport(client.client, calls, () => undefined);
  }
}

function clockOf(process: SimulatedProcess, time: VirtualTime): Clock {
  return {
    now: () => process.now(),
    // However often the clock is set.
    steady: () => time.now,
    pause: (durationMs, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) {
          resolve();
          return;
        }
        const broken = () => {
          cancel();
          resolve();
        };
        const cancel = process.after(durationMs, () => {
          signal?.removeEventListener("abort", broken);
          resolve();
        });
        signal?.addEventListener("abort", broken, { once: true });
      }),
  };
}

function dispatcherCalls(client: SimulatedClient): DispatcherClient {
  const { session, assignments, heartbeat, updateTaskStatus } = DispatcherService;
  type Any = Parameters<SimulatedClient["makeServerStreamRequest"]>;
  const stream = (method: object) => (request: unknown, metadata: unknown) => {
    const { path, requestSerialize, responseDeserialize } = method as { path: Any[0] } & Record<string, never>;
    return client.makeServerStreamRequest(
      path,
      requestSerialize as never,
      responseDeserialize as never,
      request,
      metadata,
    );
  };
  const unary = (method: object) => (request: unknown, metadata: unknown, options: never, answer: never) => {
    const { path, requestSerialize, responseDeserialize } = method as { path: Any[0] } & Record<string, never>;
    return client.makeUnaryRequest(
      path,
      requestSerialize as never,
      responseDeserialize as never,
      request,
      metadata,
      options,
      answer,
    );
  };
  const calls = {
    session: stream(session),
    assignments: stream(assignments),
    heartbeat: unary(heartbeat),
    updateTaskStatus: unary(updateTaskStatus),
  };
  return calls as unknown as DispatcherClient;
}

/** What a node says of itself. @param random decides what it has */
export function describeNode(name: string, random: SeededRandom): NodeDescription {
  const gpus = random.chance(0.5) ? ["GPU-1", "GPU-2"] : [];
  const named = gpus.map((value) => ({
    resource: { $case: "namedResourceSpec" as const, value: { kind: "gpu", value } },
  }));
  const discrete = { resource: { $case: "discreteResourceSpec" as const, value: { kind: "slot", value: 3 } } };
  return NodeDescription.fromPartial({
    hostname: name,
    platform: { architecture: "x86_64", os: "linux" },
    resources: { nanoCpus: 4e9, memoryBytes: 8 * 2 ** 30, generic: [...named, discrete] },
    engine: {
      labels: { rack: `r${random.int(3)}` },
      plugins: [
        { type: "Network", name: "overlay" },
        { type: "Volume", name: "local" },
      ],
    },
  });
}
