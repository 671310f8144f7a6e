/** A manager in this process, with a clock that the test moves, a client, and fake agents. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import type { Network, Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NetworkSpec, ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole, TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { Any } from "../../src/api/generated/google/protobuf/any.js";
import { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { Manager } from "../../src/manager/manager.js";
import type { ManagerOptions } from "../../src/manager/manager-options.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { MemoryDisk } from "../raft/disk/memory-disk.js";
import { admit, agentIdentity, LONG_LIVED } from "./admitted-nodes.js";
import { FakeAgent } from "./fake-agent.js";
import { ManualClock, seededBytes } from "./manual-clock.js";

export const nodeId = (number: number) => `node${number}`.padEnd(25, "0");
const PATIENCE_MS = 60_000;
const BEAT_MS = 5000;

export type PartialServiceSpec = Parameters<typeof ServiceSpec.fromPartial>[0];

/** A service of processes. */
export function processService(name: string, replicas: number, more: PartialServiceSpec = {}): ServiceSpec {
  const payload = Any.fromPartial({
    typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
    value: ProcessSpec.encode(ProcessSpec.fromPartial({ command: ["/bin/true"] })).finish() as Buffer,
  });
  return ServiceSpec.fromPartial({
    annotations: { name },
    mode: { $case: "replicated", value: { replicas } },
    ...more,
    task: { runtime: { $case: "generic", value: { kind: "process", payload } }, ...more.task },
  });
}

export class TestCluster {
  readonly clock = new ManualClock();
  readonly agents: FakeAgent[] = [];
  readonly logged: string[] = [];
  readonly dir = mkdtempSync(join(tmpdir(), "tsw-manager-"));
  readonly socket = join(this.dir, "control.sock");
  readonly manager: Manager;
  readonly client: Client;

  private constructor(options: Partial<ManagerOptions>) {
    this.manager = new Manager({
      stateDir: join(this.dir, "state"),
      controlSocket: this.socket,
      remoteAddress: "127.0.0.1:0",
      nodeId: nodeId(1),
      bootstrap: LONG_LIVED,
      disk: new MemoryDisk(),
      clock: this.clock,
      random: seededBytes(1),
      log: (line) => this.logged.push(line),
      ...options,
    });
    this.client = openChannel(grpcTarget(this.socket), trustingCredentials());
  }

  /** @param nodes how many agents come at once */
  static async start(t: ExecutionContext, nodes: number, options: Partial<ManagerOptions> = {}): Promise<TestCluster> {
    const cluster = new TestCluster(options);
    t.teardown(() => cluster.stop());
    await cluster.manager.start();
    for (let i = 1; i <= nodes; i++) await cluster.join(i);
    return cluster;
  }

  async join(number: number): Promise<FakeAgent> {
    const agent = await this.#agent(number);
    this.agents.push(agent);
    await agent.start();
    return agent;
  }

  /** The manager's own node uses the socket, the others the port. */
  async #agent(number: number): Promise<FakeAgent> {
    const [id, host] = [nodeId(number), `host${number}`];
    if (number === 1) return new FakeAgent(this.socket, id, host);
    const { store, remotePort } = this.manager;
    await admit(store, id, NodeRole.WORKER);
    return new FakeAgent(`127.0.0.1:${remotePort}`, id, host, agentIdentity(store, id).channelCredentials());
  }

  async stop(): Promise<void> {
    for (const agent of this.agents) agent.stop();
    this.client.close();
    await this.manager.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  call<Request, Response>(method: UnaryMethod<Request, Response>, request: Request): Promise<Response> {
    return callUnary(this.client, method, request, { timeoutMs: PATIENCE_MS });
  }

  async createNetwork(name: string, more: Parameters<typeof NetworkSpec.fromPartial>[0] = {}): Promise<Network> {
    const spec = NetworkSpec.fromPartial({ annotations: { name }, ...more });
    return (await this.call(ControlService.createNetwork, { spec })).network!;
  }

  async createService(spec: ServiceSpec): Promise<Service> {
    return (await this.call(ControlService.createService, { spec })).service!;
  }

  async updateService(id: string, change: (spec: ServiceSpec) => ServiceSpec): Promise<Service> {
    // What the reconcilers write changes the version too.
    await this.manager.idle();
    const { service } = await this.call(ControlService.getService, { serviceId: id, insertDefaults: false });
    const request = {
      serviceId: id,
      serviceVersion: service!.meta?.version,
      spec: change(service!.spec!),
      rollback: 0,
    };
    return (await this.call(ControlService.updateService, request)).service!;
  }

  service(id: string): Service | undefined {
    return this.manager.store.view((read) => read.get("service", id));
  }

  tasks(serviceId: string): readonly Task[] {
    return this.manager.store.view((read) => read.find("task", "service", serviceId));
  }

  running(serviceId: string): readonly Task[] {
    return this.tasks(serviceId).filter(
      (task) => task.status?.state === TaskState.RUNNING && task.desiredState === TaskState.RUNNING,
    );
  }

  /** Lets time pass in which these agents show that they live. */
  async pass(ms: number, agents: readonly FakeAgent[] = this.agents): Promise<void> {
    for (let left = ms; left > 0; left -= BEAT_MS) {
      this.clock.advance(Math.min(left, BEAT_MS));
      await Promise.all(agents.map((agent) => agent.heartbeat()));
      await this.manager.idle();
    }
  }

  /** Waits until a condition holds; it is looked at after every change of the store. */
  until(what: string, holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let isOver = false;
      const finish = () => {
        isOver = true;
        clearTimeout(timer);
        clearInterval(poll);
        end();
      };
      const look = () => {
        if (isOver || !holds()) return;
        finish();
        resolve();
      };
      const kinds = ["service", "task", "node", "network"] as const;
      const end = this.manager.store.watch(
        kinds.map((kind) => ({ kind })),
        () => setImmediate(look),
      );
      // Agents change without the store.
      const poll = setInterval(look, 5);
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`it never came to this: ${what}\n${this.logged.join("\n")}\n${this.describe()}`));
      }, PATIENCE_MS);
    });
  }

  async untilRunning(serviceId: string, count: number): Promise<readonly Task[]> {
    await this.until(`${count} tasks run`, () => this.running(serviceId).length === count);
    return this.running(serviceId);
  }

  describe(): string {
    const tasks = this.manager.store.view((read) => read.all("task"));
    return tasks
      .map((task) => {
        const { state, err, message } = task.status!;
        const wanted = TaskState[task.desiredState];
        return `${task.annotations?.name} ${task.nodeId} ${TaskState[state]} → ${wanted} ${message} ${err}`;
      })
      .join("\n");
  }
}
