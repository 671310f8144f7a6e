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
import { AllocationError, type Hindrance } from "./allocation-error.js";
import { type GrantContext, nodeRules, serviceRules, taskRules, wantedNetworkIds } from "./grant-rules.js";
import { Grants } from "./grants.js";
import { choosesSubnet, NetworkPools } from "./network-pools.js";
import { AttachedNetworks, isNetworkAllocated } from "./network-record.js";
import { NodeNetworks } from "./node-networks.js";
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
  readonly #context: GrantContext;
  readonly #pools: NetworkPools;
  readonly #ports = new PublishedPorts();
  readonly #attached = new AttachedNetworks();
  readonly #nodeNetworks = new NodeNetworks();
  readonly #dirtyNetworks = new Set<string>();
  /** Networks for which there was no subnet; a network that goes may leave one. */
  readonly #waitingNetworks = new Set<string>();
  readonly #nodes: Grants<"node">;
  readonly #services: Grants<"service">;
  readonly #tasks: Grants<"task">;
  #ingressId: string | undefined;
  /** Addresses came back since the last look: when they have rested may be sooner than was known. */
  #hasReleased = false;

  constructor(options: AllocatorOptions) {
    const { store, clock, subnetSources } = options;
    this.#options = options;
    this.#pools = new NetworkPools(subnetSources);
    this.#context = {
      ingressId: () => this.#ingressId,
      attached: this.#attached,
      ports: this.#ports,
      nodeNetworks: this.#nodeNetworks,
      reasonOfService: (serviceId) => this.#services.waiting.get(serviceId),
      now: () => clock.now(),
    };
    this.#nodes = new Grants(nodeRules(this.#context), this.#pools, store, clock);
    this.#services = new Grants(serviceRules(this.#context), this.#pools, store, clock);
    this.#tasks = new Grants(taskRules(this.#context), this.#pools, store, clock);
  }

  begin(read: StoreReader): void {
    const nowMs = this.#options.clock.now();
    const networks = read.all("network");
    this.#ingressId = networks.find((network) => network.spec?.ingress)?.id;
    for (const network of networks) {
      if (isNetworkAllocated(network)) this.#restore("network", network.id, () => this.#pools.restore(network, nowMs));
      else this.#dirtyNetworks.add(network.id);
    }
    for (const node of read.all("node")) {
      this.#restore("node", node.id, () => this.#nodes.restore(node));
      this.#nodeNetworks.seeNode(node, read);
      this.#lookAtNode(node);
    }
    for (const service of read.all("service")) {
      this.#restore("service", service.id, () => this.#services.restore(service));
      this.#restore("service", service.id, () => this.#ports.restore(service.id, service.endpoint?.ports ?? []));
      this.#seeService(service);
    }
    for (const task of read.all("task")) {
      this.#restore("task", task.id, () => this.#tasks.restore(task));
      this.#lookAtTask(task);
    }
  }

  noticed(events: readonly StoreEvent[]): boolean {
    for (const event of events) {
      const removed = event.action === "remove";
      if (event.kind === "network") {
        if (removed) this.#networkGone(event.object);
        else this.#seeNetwork(event.object, event.previous);
      } else if (event.kind === "node") {
        if (removed) this.#nodeGone(event.object.id);
        else this.#seeNode(event.object, event.previous);
      } else if (event.kind === "service") {
        if (removed) this.#serviceGone(event.object.id);
        else this.#seeService(event.object);
      } else if (event.kind === "task") {
        this.#seeTask(event.object, removed);
      }
    }
    const dirty =
      this.#dirtyNetworks.size + this.#nodes.dirty.size + this.#services.dirty.size + this.#tasks.dirty.size;
    return dirty > 0 || (this.#hasReleased && this.#isShort);
  }

  async reconcile(): Promise<number | undefined> {
    this.#hasReleased = false;
    this.#retryShort();
    await this.#allocateNetworks();
    await this.#nodes.run();
    await this.#services.run();
    this.#logReasons();
    await this.#tasks.run();
    await this.#tellTasks();
    return this.#nextWakeMs();
  }

  get #everybody() {
    return [this.#nodes, this.#services, this.#tasks] as const;
  }

  /** Networks of which somebody waits for an address. */
  get #shortNetworks(): ReadonlySet<string> {
    return new Set(this.#everybody.flatMap(({ waiting }) => [...waiting.hindrances("address")]));
  }

  get #isShort(): boolean {
    return this.#shortNetworks.size > 0;
  }

  /** Looks again at as many as there are addresses for. */
  #retryShort(): void {
    const nowMs = this.#options.clock.now();
    for (const networkId of this.#shortNetworks) {
      let left = this.#pools.available(networkId, nowMs);
      for (const grants of this.#everybody) left -= grants.retry("address", networkId, left);
    }
  }

  #nextWakeMs(): number | undefined {
    const nowMs = this.#options.clock.now();
    const times = [...this.#shortNetworks].flatMap((id) => this.#pools.nextWakeMs(id, nowMs) ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  #logReasons(): void {
    const { log } = this.#options;
    const [node, ...more] = this.#nodes.explained;
    if (node) log(`allocator: node ${node} and ${more.length} others: ${this.#nodes.waiting.get(node)}`);
    this.#nodes.explained.clear();
    for (const id of this.#services.explained) {
      log(`allocator: service ${id}: ${this.#services.waiting.get(id)}`);
      // Its tasks say why they wait.
      this.#tasks.retry("service", id);
    }
    this.#services.explained.clear();
  }

  /** Writes on tasks why they wait. */
  async #tellTasks(): Promise<void> {
    const { store, clock } = this.#options;
    const { explained, waiting } = this.#tasks;
    const ids = [...explained];
    await store.batch(ids, (tx, id) => {
      const task = tx.get("task", id);
      const reason = waiting.get(id);
      if (!task || stateOf(task) !== TaskState.NEW || reason === undefined) return;
      const change = { state: TaskState.NEW, message: "waits for what it needs", err: reason };
      tx.update("task", { ...task, status: statusAt(task.status, change, clock.now()) });
    });
    for (const id of ids) explained.delete(id);
  }

  async #allocateNetworks(): Promise<void> {
    const { store, log } = this.#options;
    const networks = store.view((read) => [...this.#dirtyNetworks].flatMap((id) => read.get("network", id) ?? []));
    // Who may have any subnet must not have one that another asks for.
    for (const { id } of networks.sort((a, b) => Number(choosesSubnet(b)) - Number(choosesSubnet(a)))) {
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
        if (!(error instanceof AllocationError)) {
          this.#dirtyNetworks.add(id);
          throw error;
        }
        this.#waitingNetworks.add(id);
        log(`allocator: network ${network.spec?.annotations?.name}: ${error.message}`);
      }
    }
  }

  #seeNetwork(network: Network, previous: Network | undefined): void {
    if (!isNetworkAllocated(network)) this.#dirtyNetworks.add(network.id);
    else if (!previous || !isNetworkAllocated(previous)) this.#retry("subnet", network.id);
    if (!network.spec?.ingress || this.#ingressId === network.id) return;
    this.#useIngress(network.id);
    this.#services.retry("ingress", "");
  }

  /** All nodes have an address on it. */
  #useIngress(networkId: string | undefined): void {
    this.#ingressId = networkId;
    for (const node of this.#options.store.view((read) => read.all("node"))) this.#nodes.dirty.add(node.id);
  }

  #seeNode(node: Node, previous: Node | undefined): void {
    const isKnown = previous !== undefined && node.attachments === previous.attachments;
    if (isKnown && node.description === previous.description) return;
    const isNews = this.#options.store.view((read) => this.#nodeNetworks.seeNode(node, read));
    if (isNews || !isKnown) this.#lookAtNode(node);
  }

  #lookAtNode(node: Node): void {
    const wanted = wantedNetworkIds(node.id, this.#context);
    const present = new Set(node.attachments.map(({ network }) => network?.id));
    if (present.size !== wanted.length || !wanted.every((id) => present.has(id))) this.#nodes.dirty.add(node.id);
    else this.#nodes.waiting.delete(node.id);
  }

  #seeService(service: Service): void {
    if (!isEndpointComplete(service, this.#ingressId)) {
      this.#services.dirty.add(service.id);
      return;
    }
    this.#services.waiting.delete(service.id);
    this.#services.retry("port", "");
    this.#tasks.retry("service", service.id);
  }

  #seeTask(task: Task, isRemoved: boolean): void {
    const nodes = isRemoved ? this.#nodeNetworks.taskGone(task.id) : this.#nodeNetworks.seeTask(task);
    for (const id of nodes) this.#nodes.dirty.add(id);
    if (isRemoved || isOver(task)) this.#hasReleased = this.#tasks.release(task.id) || this.#hasReleased;
    else this.#lookAtTask(task);
  }

  #lookAtTask(task: Task): void {
    const isNew = stateOf(task) === TaskState.NEW && isWanted(task);
    if (isNew && this.#tasks.waiting.get(task.id) === undefined) this.#tasks.dirty.add(task.id);
  }

  #networkGone(network: Network): void {
    this.#dirtyNetworks.delete(network.id);
    this.#waitingNetworks.delete(network.id);
    this.#pools.release(network.id);
    this.#attached.forget(network.id);
    if (this.#ingressId === network.id) this.#useIngress(undefined);
    for (const id of this.#waitingNetworks) this.#dirtyNetworks.add(id);
    this.#waitingNetworks.clear();
  }

  #nodeGone(nodeId: string): void {
    this.#nodeNetworks.nodeGone(nodeId);
    this.#hasReleased = this.#nodes.release(nodeId) || this.#hasReleased;
  }

  #serviceGone(serviceId: string): void {
    this.#ports.release(serviceId);
    this.#hasReleased = this.#services.release(serviceId) || this.#hasReleased;
    this.#services.retry("port", "");
  }

  #retry(kind: Hindrance["kind"], id: string): void {
    for (const grants of this.#everybody) grants.retry(kind, id);
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
