/**
 * Gives networks their subnets and VXLAN ids, services their virtual IPs and ports, nodes and tasks their addresses.
 * What is given out is known in memory; it is read from the store once, at the start, before anything new is given out.
 */
import type { Network, Node, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import type { Selector } from "../../store/watch-hub.js";
import type { Reconciler } from "../loop/reconciler.js";
import { isOver, isWanted, stateOf, statusAt } from "../task-life.js";
import { AllocationError } from "./allocation-error.js";
import { nodeRules, serviceRules, taskRules } from "./grant-rules.js";
import { Grants } from "./grants.js";
import { isNetworkAllocated, NetworkPools } from "./network-pools.js";
import { PublishedPorts } from "./published-ports.js";
import type { SubnetSource } from "./subnet-pool.js";
import { isEndpointComplete } from "./wanted-endpoint.js";

export interface AllocatorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly subnetSources: readonly SubnetSource[];
  readonly log: (line: string) => void;
}

export class Allocator implements Reconciler {
  readonly name = "allocator";
  readonly selectors: readonly Selector[] = [
    { kind: "network" },
    { kind: "node" },
    { kind: "service" },
    { kind: "task" },
  ];
  readonly #options: AllocatorOptions;
  readonly #pools: NetworkPools;
  readonly #ports = new PublishedPorts();
  readonly #dirtyNetworks = new Set<string>();
  /** Networks for which there was no subnet; a network that goes may leave one. */
  readonly #waitingNetworks = new Set<string>();
  readonly #nodes: Grants<"node">;
  readonly #services: Grants<"service">;
  readonly #tasks: Grants<"task">;
  #ingressId: string | undefined;
  /** When an address that somebody may wait for has rested: those who wait ask again then. */
  #wakeMs: number | undefined;
  /** Addresses came back since the last look. */
  #hasReleased = false;

  constructor(options: AllocatorOptions) {
    const { store, clock, subnetSources } = options;
    this.#options = options;
    this.#pools = new NetworkPools(subnetSources);
    const ingressId = () => this.#ingressId;
    this.#nodes = new Grants(nodeRules(ingressId), this.#pools, store, clock);
    this.#services = new Grants(serviceRules(ingressId, this.#ports), this.#pools, store, clock);
    const reasonOfService = (serviceId: string) => this.#services.waiting.get(serviceId);
    this.#tasks = new Grants(
      taskRules(ingressId, reasonOfService, () => clock.now()),
      this.#pools,
      store,
      clock,
    );
  }

  begin(read: StoreReader): void {
    const networks = read.all("network");
    this.#ingressId = networks.find((network) => network.spec?.ingress)?.id;
    for (const network of networks) {
      if (isNetworkAllocated(network)) this.#restore("network", network.id, () => this.#pools.restore(network));
      else this.#dirtyNetworks.add(network.id);
    }
    for (const node of read.all("node")) {
      this.#restore("node", node.id, () => this.#nodes.restore(node));
      this.#seeNode(node);
    }
    for (const service of read.all("service")) {
      this.#restore("service", service.id, () => this.#services.restore(service));
      this.#restore("service", service.id, () => this.#ports.restore(service.id, service.endpoint?.ports ?? []));
      this.#seeService(service);
    }
    for (const task of read.all("task")) {
      if (!isOver(task)) this.#restore("task", task.id, () => this.#tasks.restore(task));
      this.#seeTask(task);
    }
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      const removed = event.action === "remove";
      if (event.kind === "network") {
        if (removed) this.#networkGone(event.object);
        else this.#seeNetwork(event.object);
      } else if (event.kind === "node") {
        if (removed) this.#release(this.#nodes, event.object.id);
        else this.#seeNode(event.object);
      } else if (event.kind === "service") {
        if (removed) this.#serviceGone(event.object.id);
        else this.#seeService(event.object);
      } else if (event.kind === "task") {
        if (removed || isOver(event.object)) this.#release(this.#tasks, event.object.id);
        else this.#seeTask(event.object);
      }
    }
    const dirty =
      this.#dirtyNetworks.size + this.#nodes.dirty.size + this.#services.dirty.size + this.#tasks.dirty.size;
    // Who waits is woken when what came back has rested: the time for that may be new.
    return dirty > 0 || (this.#hasReleased && this.#waiting > 0);
  }

  async reconcile(): Promise<number | undefined> {
    const { store, log, clock } = this.#options;
    this.#hasReleased = false;
    if (this.#wakeMs !== undefined && this.#wakeMs <= clock.now()) this.#retryAll();
    await this.#allocateNetworks();
    const [node, ...more] = await this.#nodes.run();
    if (node) log(`allocator: node ${node} and ${more.length} others: ${this.#nodes.waiting.get(node)}`);
    const services = await this.#services.run();
    for (const id of services) log(`allocator: service ${id}: ${this.#services.waiting.get(id)}`);
    // Their tasks say why they wait.
    if (services.length > 0) this.#tasks.retry();
    const tasks = await this.#tasks.run();
    await store.batch(tasks, (tx, id) => {
      const task = tx.get("task", id);
      const reason = this.#tasks.waiting.get(id);
      if (!task || stateOf(task) !== TaskState.NEW || reason === undefined) return;
      const change = { state: TaskState.NEW, message: "waits for what it needs", err: reason };
      tx.update("task", { ...task, status: statusAt(task.status, change, clock.now()) });
    });
    this.#wakeMs = this.#waiting > 0 ? this.#pools.nextWakeMs(clock.now()) : undefined;
    return this.#wakeMs;
  }

  get #waiting(): number {
    return this.#nodes.waiting.size + this.#services.waiting.size + this.#tasks.waiting.size;
  }

  async #allocateNetworks(): Promise<void> {
    const { store, log } = this.#options;
    for (const id of [...this.#dirtyNetworks]) {
      const network = store.view((read) => read.get("network", id));
      this.#dirtyNetworks.delete(id);
      if (!network || isNetworkAllocated(network)) continue;
      try {
        const { ipam, driverState } = this.#pools.allocate(network);
        await store.update((tx) => {
          const current = tx.get("network", id);
          if (current) tx.update("network", { ...current, ipam, driverState });
        });
        if (!store.view((read) => read.get("network", id))) this.#pools.release(id);
      } catch (error) {
        this.#pools.release(id);
        this.#waitingNetworks.add(id);
        if (!(error instanceof AllocationError)) throw error;
        log(`allocator: network ${network.spec?.annotations?.name}: ${error.message}`);
      }
    }
  }

  #seeNetwork(network: Network): void {
    if (isNetworkAllocated(network)) {
      this.#retryAll();
    } else {
      this.#dirtyNetworks.add(network.id);
    }
    if (!network.spec?.ingress || this.#ingressId === network.id) return;
    this.#ingressId = network.id;
    for (const node of this.#options.store.view((read) => read.all("node"))) this.#nodes.dirty.add(node.id);
  }

  #seeNode(node: Node): void {
    if (node.attachments[0]?.network?.id !== this.#ingressId) this.#nodes.dirty.add(node.id);
  }

  #seeService(service: Service): void {
    if (!isEndpointComplete(service, this.#ingressId)) this.#services.dirty.add(service.id);
    else {
      this.#services.retry();
      this.#tasks.retry();
    }
  }

  #seeTask(task: Task): void {
    const isNew = stateOf(task) === TaskState.NEW && isWanted(task);
    if (isNew && !this.#tasks.waiting.has(task.id)) this.#tasks.dirty.add(task.id);
  }

  #networkGone(network: Network): void {
    this.#dirtyNetworks.delete(network.id);
    this.#waitingNetworks.delete(network.id);
    this.#pools.release(network.id);
    if (this.#ingressId === network.id) this.#ingressId = undefined;
    for (const id of this.#waitingNetworks) this.#dirtyNetworks.add(id);
    this.#waitingNetworks.clear();
  }

  #serviceGone(serviceId: string): void {
    this.#ports.release(serviceId);
    this.#release(this.#services, serviceId);
    this.#services.retry();
  }

  #release(holders: Grants<"node"> | Grants<"service"> | Grants<"task">, id: string): void {
    holders.release(id);
    this.#hasReleased = true;
  }

  #retryAll(): void {
    this.#nodes.retry();
    this.#services.retry();
    this.#tasks.retry();
  }

  #restore(kind: string, id: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      this.#options.log(`allocator: ${kind} ${id}: ${error.message}`);
    }
  }
}
