/**
 * What the cluster has decided, entry by entry, as whoever applies an entry first sees it; and what must be true of each:
 *
 * - A task's state and what it is meant to be only grow.
 * - Nobody has the same address, published port, VXLAN id, subnet, generic resource or host port as somebody else, nor more of a node
 *   than that has. What a task holds is its own until it has ended.
 * - Of one slot at most one task is meant to run that has not ended, but for those of a node that was declared lost and for services that
 *   start the new task first.
 * - A task that runs is not forgotten, unless its node is lost.
 *
 * A task whose node was DOWN since it was assigned, or was removed, is *excused* from then on: nobody can promise what it does. Its
 * node keeps it while it hears of no manager, and its replacement runs elsewhere.
 */
import { BlockList, isIPv6 } from "node:net";
import type { Network, Node, Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeStatus_State as NodeState,
  PortConfig_PublishMode as PublishMode,
  TaskState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { isAllocated } from "../../src/manager/allocator/published-ports.js";
import { hasEnded, isOver, isWanted, stateOf } from "../../src/manager/task-life.js";
import type { StoreEvent } from "../../src/store/change.js";
import type { Store } from "../../src/store/store.js";
import { Claims } from "./claims.js";

const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";

type Broken = (rule: string, text: string) => void;

export class Ledger {
  readonly tasks = new Map<string, Task>();
  readonly nodes = new Map<string, Node>();
  readonly services = new Map<string, Service>();
  readonly networks = new Map<string, Network>();
  readonly secrets = new Set<string>();
  readonly excused = new Set<string>();
  /** Of the last entry that somebody has applied. */
  version = 0;
  onForgotten: (task: Task) => void = () => undefined;
  readonly #broken: Broken;
  readonly #addresses: Claims;
  readonly #ports: Claims;
  readonly #vnis: Claims;
  readonly #things: Claims;
  /** Also of tasks that are forgotten by now: the node that each was assigned to. */
  readonly #assigned = new Map<string, string>();
  readonly #slots = new Map<string, Set<string>>();
  readonly #onNode = new Map<string, Set<string>>();

  constructor(broken: Broken) {
    this.#broken = broken;
    const once = (what: string) => new Claims(what, (text) => broken("nothing is given out twice", text));
    this.#addresses = once("an address");
    this.#ports = once("a port");
    this.#vnis = once("a VXLAN id");
    this.#things = once("what a node has one of");
  }

  /** @param store of a manager, before anything is in it */
  watch(store: Store): void {
    const kinds = ["task", "node", "service", "network", "secret"] as const;
    store.watch(
      kinds.map((kind) => ({ kind })),
      (events, version) => {
        if (version <= this.version) return;
        this.version = version;
        this.#see(events);
      },
    );
  }

  nodeOf(taskId: string): string | undefined {
    return this.#assigned.get(taskId);
  }

  /** What is held, for people: it must be nothing when all is removed, but for addresses of nodes. */
  held(): readonly string[] {
    const own = [...this.#addresses.entries()].filter(([, holder]) => !holder.startsWith("node "));
    const rest = [this.#ports, this.#things].flatMap((claims) => [...claims.entries()]);
    return [...own, ...rest].map(([thing, holder]) => `${thing} is ${holder}'s`);
  }

  #see(events: readonly StoreEvent[]): void {
    // What one object gives back in an entry another one may be given in it.
    for (const event of events) this.#release(event);
    for (const event of events) this.#take(event);
    for (const event of events) if (event.kind === "task") this.#checkSlot(event.object);
  }

  #release({ kind, object: { id } }: StoreEvent): void {
    const holder = `${kind} ${id}`;
    for (const claims of [this.#addresses, this.#ports, this.#vnis, this.#things]) claims.release(holder);
  }

  #take({ kind, action, object }: StoreEvent): void {
    const isGone = action === "remove";
    if (kind === "task") this.#seeTask(object, isGone);
    else if (kind === "node") this.#seeNode(object, isGone);
    else if (kind === "service") this.#seeService(object, isGone);
    else if (kind === "network") this.#seeNetwork(object, isGone);
    else if (kind === "secret") {
      if (isGone) this.secrets.delete(object.id);
      else this.secrets.add(object.id);
    }
  }

  #seeTask(task: Task, isGone: boolean): void {
    const { id, nodeId } = task;
    const before = this.tasks.get(id);
    if (isGone) {
      this.tasks.delete(id);
      this.#slots.get(slotOf(task))?.delete(id);
      this.#onNode.get(nodeId)?.delete(id);
      if (!this.excused.has(id)) this.onForgotten(before ?? task);
      return;
    }
    this.tasks.set(id, task);
    if (before && (stateOf(task) < stateOf(before) || task.desiredState < before.desiredState)) {
      this.#broken("tasks only grow", `${tell(task)} after ${tell(before)}`);
    }
    if (nodeId !== "" && before?.nodeId !== nodeId) this.#assign(task);
    if (stateOf(task) === TaskState.ORPHANED) this.excused.add(id);
    add(this.#slots, slotOf(task), id);
    if (isOver(task)) return;
    const holder = `task ${id}`;
    this.#addresses.claim(
      holder,
      task.networks.flatMap(({ network, addresses }) => addresses.map((address) => `${network?.id}/${address}`)),
    );
    if (nodeId !== "" && stateOf(task) >= TaskState.ASSIGNED) this.#occupy(holder, task);
  }

  #assign(task: Task): void {
    const known = this.#assigned.get(task.id);
    if (known !== undefined && known !== task.nodeId) {
      this.#broken("a task has one node", `${tell(task)} goes from ${known} to ${task.nodeId}`);
    }
    this.#assigned.set(task.id, task.nodeId);
    add(this.#onNode, task.nodeId, task.id);
  }

  #occupy(holder: string, task: Task): void {
    const { nodeId } = task;
    const values = task.assignedGenericResources.flatMap(({ resource }) =>
      resource?.$case === "namedResourceSpec" ? [`${nodeId} ${resource.value.kind} ${resource.value.value}`] : [],
    );
    const ports = (task.endpoint?.ports ?? [])
      .filter(({ publishMode, publishedPort }) => publishMode === PublishMode.HOST && publishedPort > 0)
      .map(({ protocol, publishedPort }) => `${nodeId} port ${publishedPort}/${protocol}`);
    this.#things.claim(holder, [...values, ...ports]);
    this.#checkRoom(nodeId);
  }

  /** CPUs, memory and numbers of a kind. */
  #checkRoom(nodeId: string): void {
    const description = this.nodes.get(nodeId)?.description;
    if (!description) return;
    let cpus = 0;
    const counts = new Map<string, number>();
    for (const id of this.#onNode.get(nodeId) ?? []) {
      const task = this.tasks.get(id)!;
      // A global service's task has a node before that has room for it.
      if (hasEnded(task) || stateOf(task) < TaskState.ASSIGNED) continue;
      cpus += task.spec?.resources?.reservations?.nanoCpus ?? 0;
      for (const { resource } of task.assignedGenericResources) {
        if (resource?.$case !== "discreteResourceSpec") continue;
        const { kind, value } = resource.value;
        counts.set(kind, (counts.get(kind) ?? 0) + value);
      }
    }
    const { nanoCpus = 0, generic = [] } = description.resources ?? {};
    if (cpus > nanoCpus) this.#broken("nodes are not overbooked", `${nodeId}: ${cpus} of ${nanoCpus} CPUs are taken`);
    for (const [kind, count] of counts) {
      const has = generic.reduce(
        (sum, { resource }) =>
          resource?.$case === "discreteResourceSpec" && resource.value.kind === kind ? sum + resource.value.value : sum,
        0,
      );
      if (count > has) this.#broken("nodes are not overbooked", `${nodeId}: ${count} of ${has} ${kind} are taken`);
    }
  }

  #seeNode(node: Node, isGone: boolean): void {
    const { id } = node;
    if (isGone || node.status?.state === NodeState.DOWN) {
      for (const taskId of this.#onNode.get(id) ?? []) this.excused.add(taskId);
    }
    if (isGone) {
      this.nodes.delete(id);
      return;
    }
    this.nodes.set(id, node);
    this.#addresses.claim(
      `node ${id}`,
      node.attachments.flatMap(({ network, addresses }) => addresses.map((address) => `${network?.id}/${address}`)),
    );
  }

  #seeService(service: Service, isGone: boolean): void {
    const { id, endpoint } = service;
    if (isGone) {
      this.services.delete(id);
      return;
    }
    this.services.set(id, service);
    const holder = `service ${id}`;
    this.#addresses.claim(
      holder,
      (endpoint?.virtualIps ?? []).map(({ networkId, addr }) => `${networkId}/${addr}`),
    );
    const ports = (endpoint?.ports ?? []).filter((port) => isAllocated(port) && port.publishedPort > 0);
    this.#ports.claim(
      holder,
      ports.map(({ protocol, publishedPort }) => `${publishedPort}/${protocol}`),
    );
  }

  #seeNetwork(network: Network, isGone: boolean): void {
    const { id } = network;
    if (isGone) {
      this.networks.delete(id);
      return;
    }
    this.networks.set(id, network);
    const vni = network.driverState?.options[VNI_OPTION];
    if (vni !== undefined) this.#vnis.claim(`network ${id}`, [vni]);
    for (const other of this.networks.values()) {
      const shared = other.id !== id && sharedSubnet(network, other);
      if (shared) this.#broken("nothing is given out twice", `networks ${id} and ${other.id} have ${shared}`);
    }
  }

  #checkSlot(task: Task): void {
    if (startsFirst(task)) return;
    const running = [...(this.#slots.get(slotOf(task)) ?? [])]
      .map((id) => this.tasks.get(id)!)
      .filter((one) => isMeantToRun(one) && !hasEnded(one) && !this.excused.has(one.id));
    if (running.length > 1) this.#broken("one task of a slot is wanted", running.map(tell).join(" and "));
  }
}

function isMeantToRun(task: Task): boolean {
  return isWanted(task) && task.desiredState >= TaskState.RUNNING;
}

/** Of a service that starts the new task first; it says so in its name, as tasks outlive their service. */
export function startsFirst(task: Task): boolean {
  return task.serviceAnnotations?.name.startsWith("first") ?? false;
}

/** Where at most one task runs. */
export function slotOf(task: Task): string {
  return `${task.serviceId}/${task.slot || task.nodeId}`;
}

export function tell(task: Task): string {
  const { id, nodeId, status, desiredState, serviceAnnotations, slot } = task;
  const where = nodeId === "" ? "" : ` on ${nodeId}`;
  return `${serviceAnnotations?.name}.${slot} ${id}${where} ${TaskState[status?.state ?? 0]} → ${TaskState[desiredState]}`;
}

function add(sets: Map<string, Set<string>>, key: string, value: string): void {
  const known = sets.get(key);
  if (known) known.add(value);
  else sets.set(key, new Set([value]));
}

function sharedSubnet(one: Network, other: Network): string | undefined {
  for (const { subnet } of one.ipam?.configs ?? []) {
    for (const config of other.ipam?.configs ?? []) {
      if (holds(subnet, config.subnet) || holds(config.subnet, subnet)) return `${subnet} and ${config.subnet}`;
    }
  }
  return undefined;
}

/** The first address of the other one is in it. @param subnet "10.0.1.0/24" */
function holds(subnet: string, other: string): boolean {
  const [address = "", bits] = subnet.split("/");
  const [first = ""] = other.split("/");
  if (isIPv6(address) !== isIPv6(first)) return false;
  const family = isIPv6(address) ? "ipv6" : "ipv4";
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(first, family);
}
