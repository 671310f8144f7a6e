/** An allocator over a store in memory, which a test stops and starts again, and objects for it. */
import type { ExecutionContext } from "ava";
import { Network, type Node, Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { Allocator } from "../../../src/manager/allocator/allocator.js";
import { parseRange } from "../../../src/manager/allocator/ip-range.js";
import { ControlLoop } from "../../../src/manager/loop/control-loop.js";
import { RaftError } from "../../../src/raft/node/raft.js";
import { type Acceptance, MemoryProposer, type Proposal } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { ManualClock } from "../manual-clock.js";

/** A log that is busy as often as it is told to be. */
class RefusingLog extends MemoryProposer {
  refusals = 0;

  override propose(proposal: Proposal): Acceptance {
    if (this.refusals === 0) return super.propose(proposal);
    this.refusals--;
    return { accepted: false, reason: Promise.resolve(new RaftError("busy", "the log is busy")) };
  }
}

/** A store with an allocator, which a test stops and starts again. */
export class World {
  readonly clock = new ManualClock();
  readonly log = new RefusingLog();
  readonly store = new Store(this.log, this.clock);
  readonly logged: string[] = [];
  #loop: ControlLoop | undefined;

  constructor(t: ExecutionContext) {
    t.teardown(() => this.stop());
  }

  start(): void {
    const log = (line: string) => this.logged.push(line);
    const subnetSources = [
      { pool: parseRange("10.0.0.0/8")!, subnetLength: 24 },
      { pool: parseRange("fd00::/48")!, subnetLength: 64 },
    ];
    const allocator = new Allocator({ store: this.store, clock: this.clock, subnetSources, log });
    this.#loop = new ControlLoop(this.store, this.clock, [allocator], log);
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await this.#loop?.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    this.start();
    await this.idle();
  }

  async change(body: (tx: Transaction) => void): Promise<void> {
    await this.store.update(body);
    await this.idle();
  }

  /** As {@link change}; what the allocator writes then is refused a few times, until it tries again. */
  async changeBusily(body: (tx: Transaction) => void, refusals: number): Promise<void> {
    await this.store.update(body);
    this.log.refusals = refusals;
    await this.idle();
    this.log.refusals = 0;
    this.clock.advance(1000);
    await this.idle();
  }

  async idle(): Promise<void> {
    await this.#loop?.idle();
  }

  network(id: string): Network {
    return this.store.view((read) => read.get("network", id))!;
  }

  service(id: string): Service {
    return this.store.view((read) => read.get("service", id))!;
  }

  task(id: string): Task {
    return this.store.view((read) => read.get("task", id))!;
  }

  addresses(taskId: string): readonly string[] {
    return this.task(taskId).networks.flatMap((attachment) => attachment.addresses);
  }

  virtualIps(serviceId: string): readonly string[] {
    return (this.service(serviceId).endpoint?.virtualIps ?? []).map(({ addr }) => addr);
  }

  node(id: string): Node {
    return this.store.view((read) => read.get("node", id))!;
  }

  /** "network address" of each attachment. */
  attachments(nodeId: string): readonly string[] {
    return this.node(nodeId).attachments.map(({ network, addresses }) => `${network?.id} ${addresses.join(" ")}`);
  }
}

export type NetworkFields = NonNullable<Parameters<typeof Network.fromPartial>[0]["spec"]>;
export type ServiceFields = NonNullable<Parameters<typeof Service.fromPartial>[0]["spec"]>;

export const network = (id: string, spec: NetworkFields = {}) =>
  Network.fromPartial({ id, spec: { annotations: { name: id }, ...spec } });
export const service = (id: string, networks: readonly string[], spec: ServiceFields = {}) =>
  Service.fromPartial({
    id,
    spec: { annotations: { name: id }, task: { networks: networks.map((target) => ({ target })) }, ...spec },
  });
export const task = (id: string, serviceId: string, networks: readonly string[] = []) =>
  Task.fromPartial({
    id,
    serviceId,
    spec: { networks: networks.map((target) => ({ target })) },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.NEW },
  });
export const ports = (...published: readonly number[]) => ({
  ports: published.map((publishedPort) => ({ targetPort: 80, publishedPort })),
});
export const end = (tx: Transaction, id: string, state = TaskState.SHUTDOWN) => {
  const current = tx.get("task", id)!;
  tx.update("task", { ...current, status: { ...current.status!, state } });
};

/** What Docker's engine says of itself. */
export const DOCKER = { engine: { engineVersion: "28.5.2", plugins: [{ type: "Network", name: "overlay" }] } };
export const TSWARM = {
  engine: { labels: { "tswarm.load-balancer": "nftables" }, plugins: [{ type: "Network", name: "overlay" }] },
};

/** A container that somebody started by hand on a node, with a network. */
export const attachmentTask = (id: string, nodeId: string, target: string, ...addresses: readonly string[]) =>
  Task.fromPartial({
    id,
    nodeId,
    spec: {
      runtime: { $case: "attachment", value: { containerId: `container-${id}` } },
      networks: [{ target, addresses }],
    },
    desiredState: TaskState.RUNNING,
    status: { state: TaskState.NEW },
  });
