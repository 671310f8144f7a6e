import {
  type ListClustersRequest_Filters as ClusterFilters,
  ControlService,
  type ListNetworksRequest_Filters as NetworkFilters,
  type ListNodesRequest_Filters as NodeFilters,
  type ListSecretsRequest_Filters as PayloadFilters,
  type ListServicesRequest_Filters as ServiceFilters,
  type ListTasksRequest_Filters as TaskFilters,
} from "../api/generated/docker/swarmkit/v1/control.js";
import type {
  Cluster,
  Config,
  Network,
  Node,
  Secret,
  Service,
  Task,
} from "../api/generated/docker/swarmkit/v1/objects.js";
import { timestampMs } from "../api/time.js";
import type { Connection } from "./connection.js";
import { CommandError } from "./failure.js";
import { localManager } from "./local-manager.js";
import { mayBeId, pickOne } from "./resolve.js";

/** The nodes that fit the filters; all without. */
export async function listNodes(connection: Connection, filters?: Partial<NodeFilters>): Promise<readonly Node[]> {
  const request = { filters: filters && { ...NO_NODE_FILTERS, ...filters } };
  return (await connection.call(ControlService.listNodes, request)).nodes;
}

export async function listServices(
  connection: Connection,
  filters?: Partial<ServiceFilters>,
): Promise<readonly Service[]> {
  const request = { filters: filters && { ...NO_SERVICE_FILTERS, ...filters } };
  return (await connection.call(ControlService.listServices, request)).services;
}

export async function listTasks(connection: Connection, filters?: Partial<TaskFilters>): Promise<readonly Task[]> {
  const request = { filters: filters && { ...NO_TASK_FILTERS, ...filters } };
  return (await connection.call(ControlService.listTasks, request)).tasks;
}

export async function listNetworks(
  connection: Connection,
  filters?: Partial<NetworkFilters>,
): Promise<readonly Network[]> {
  const request = { filters: filters && { ...NO_NETWORK_FILTERS, ...filters }, appdata: undefined };
  return (await connection.call(ControlService.listNetworks, request)).networks;
}

export async function listClusters(
  connection: Connection,
  filters?: Partial<ClusterFilters>,
): Promise<readonly Cluster[]> {
  const request = { filters: filters && { ...NO_CLUSTER_FILTERS, ...filters } };
  return (await connection.call(ControlService.listClusters, request)).clusters;
}

export type { PayloadFilters };

/** Their data is left out. */
export async function listSecrets(
  connection: Connection,
  filters?: Partial<PayloadFilters>,
): Promise<readonly Secret[]> {
  const request = { filters: filters && { ...NO_NETWORK_FILTERS, ...filters } };
  return (await connection.call(ControlService.listSecrets, request)).secrets;
}

export async function listConfigs(
  connection: Connection,
  filters?: Partial<PayloadFilters>,
): Promise<readonly Config[]> {
  const request = { filters: filters && { ...NO_NETWORK_FILTERS, ...filters } };
  return (await connection.call(ControlService.listConfigs, request)).configs;
}

const NO_NETWORK_FILTERS: NetworkFilters = { names: [], idPrefixes: [], labels: {}, namePrefixes: [] };
const NO_CLUSTER_FILTERS: ClusterFilters = NO_NETWORK_FILTERS;
const NO_SERVICE_FILTERS: ServiceFilters = { ...NO_NETWORK_FILTERS, runtimes: [] };
const NO_NODE_FILTERS: NodeFilters = { ...NO_NETWORK_FILTERS, nodeLabels: {}, memberships: [], roles: [] };
const NO_TASK_FILTERS: TaskFilters = {
  ...NO_NETWORK_FILTERS,
  serviceIds: [],
  nodeIds: [],
  desiredStates: [],
  runtimes: [],
  upToDate: false,
};

/** As Docker's: the node of the manager that answers, unless a node has this name. */
export const SELF = "self";

/** Finds a node by id, hostname or prefix of an id. @throws CommandError */
export async function findNode(connection: Connection, argument: string): Promise<Node> {
  if (argument === SELF && (await listNodes(connection, { names: [SELF] })).length === 0) return ownNode(connection);
  return find("node", argument, nodeName, (filters) => listNodes(connection, filters));
}

async function ownNode(connection: Connection): Promise<Node> {
  const nodeId = (await localManager(connection))?.nodeId;
  const [node] = nodeId ? await listNodes(connection, { idPrefixes: [nodeId] }) : [];
  if (!node) throw new CommandError("the manager does not say which node it belongs to: name the node");
  return node;
}

/** Finds a service by id, name or prefix of an id. @throws CommandError */
export async function findService(connection: Connection, argument: string): Promise<Service> {
  return find("service", argument, serviceName, (filters) => listServices(connection, filters));
}

/** Finds a cluster by id, name or prefix of an id. @throws CommandError */
export async function findCluster(connection: Connection, argument: string): Promise<Cluster> {
  return find("cluster", argument, clusterName, (filters) => listClusters(connection, filters));
}

/** The one cluster that a manager knows. @throws CommandError */
export async function theCluster(connection: Connection): Promise<Cluster> {
  const [cluster] = await listClusters(connection);
  if (!cluster) throw new CommandError("the manager knows no cluster");
  return cluster;
}

/** Finds a network by id, name or prefix of an id. @throws CommandError */
export async function findNetwork(connection: Connection, argument: string): Promise<Network> {
  return find("network", argument, networkName, (filters) => listNetworks(connection, filters));
}

/** Finds a secret or a config by id, name or prefix of an id. @throws CommandError */
export async function findPayload(
  connection: Connection,
  kind: "secret" | "config",
  argument: string,
): Promise<Secret | Config> {
  const list: (filters: Partial<PayloadFilters>) => Promise<readonly (Secret | Config)[]> = (filters) =>
    kind === "secret" ? listSecrets(connection, filters) : listConfigs(connection, filters);
  return find(kind, argument, ({ spec }) => spec?.annotations?.name ?? "", list);
}

/**
 * Finds a task by id, full name, prefix of an id, or as `SERVICE.SLOT`: then the newest of the slot, one that shall run first.
 * @throws CommandError
 */
export async function findTask(connection: Connection, argument: string): Promise<Task> {
  const slot = /^(.+)\.(\d+)$/.exec(argument);
  if (slot) {
    const services = await listServices(connection, { names: [slot[1]!] });
    const service = services.find((one) => serviceName(one) === slot[1]);
    if (service !== undefined) {
      const tasks = await listTasks(connection, { serviceIds: [service.id] });
      const inSlot = tasks.filter((task) => task.serviceId === service.id && task.slot === Number(slot[2]));
      const newest = inSlot.sort((a, b) => a.desiredState - b.desiredState || createdMs(b) - createdMs(a))[0];
      if (newest !== undefined) return newest;
      throw new CommandError(`no such task: service ${slot[1]} has no slot ${slot[2]}`);
    }
  }
  return find(
    "task",
    argument,
    ({ annotations }) => annotations?.name ?? "",
    (filters) => listTasks(connection, filters),
  );
}

async function find<T extends { readonly id: string }>(
  kind: string,
  argument: string,
  nameOf: (object: T) => string,
  list: (filters: { names?: string[]; idPrefixes?: string[] }) => Promise<readonly T[]>,
): Promise<T> {
  const found = await Promise.all([
    argument === "" ? [] : list({ names: [argument] }),
    mayBeId(argument) ? list({ idPrefixes: [argument] }) : [],
  ]);
  const candidates = found.flat().map((object) => ({ id: object.id, name: nameOf(object), object }));
  return pickOne(kind, argument, candidates).object;
}

export function nodeName(node: Node): string {
  return node.description?.hostname || node.spec?.annotations?.name || "";
}

export function serviceName(service: Service): string {
  return service.spec?.annotations?.name ?? "";
}

export function clusterName(cluster: Cluster): string {
  return cluster.spec?.annotations?.name ?? "";
}

export function networkName(network: Network): string {
  return network.spec?.annotations?.name ?? "";
}

/** `web.2`; for a task of a global service `web.` and its node's id. */
export function taskName(task: Task): string {
  const service = task.serviceAnnotations?.name || task.serviceId;
  if (service === "") return task.annotations?.name || task.id;
  return `${service}.${task.slot > 0 ? task.slot : task.nodeId || task.id}`;
}

/** When it was made, in milliseconds since 1970; 0 when unknown. */
export function createdMs(object: Pick<Task, "meta">): number {
  return timestampMs(object.meta?.createdAt);
}

const PARTS = /\d+|\D+/g;

/** Orders names as people do: web.2 before web.10. By hand: to load the system's rules takes longer than to ask the cluster. */
export function byName(a: string, b: string): number {
  const ofA: readonly string[] = a.match(PARTS) ?? [];
  const ofB: readonly string[] = b.match(PARTS) ?? [];
  for (let at = 0; at < Math.min(ofA.length, ofB.length); at++) {
    const [one, other] = [ofA[at]!, ofB[at]!];
    const difference = Number(one) - Number(other) || compare(one.toLowerCase(), other.toLowerCase());
    if (difference !== 0) return difference;
  }
  return ofA.length - ofB.length || compare(a, b);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
