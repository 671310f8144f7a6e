/** What the store holds, and by what it can be found. */
import type {
  Cluster,
  Config,
  Extension,
  Network,
  Node,
  Resource,
  Secret,
  Service,
  Task,
  Volume,
} from "../api/generated/docker/swarmkit/v1/objects.js";
import { type PortConfig, TaskState } from "../api/generated/docker/swarmkit/v1/types.js";

export interface ObjectTypes {
  readonly cluster: Cluster;
  readonly node: Node;
  readonly service: Service;
  readonly task: Task;
  readonly network: Network;
  readonly secret: Secret;
  readonly config: Config;
  readonly extension: Extension;
  readonly resource: Resource;
  readonly volume: Volume;
}

export type Kind = keyof ObjectTypes;
export type StoredObject = ObjectTypes[Kind];

/** The keys under which an object is found in an index. */
export type IndexKeys<T> = (object: T) => readonly string[];

/** Names are found in any case, and are unique in the tables that {@link UNIQUE_NAMES} lists. */
export const nameKey = (name: string) => name.toLowerCase();
export const slotKey = (serviceId: string, slot: number) => `${serviceId}/${slot}`;
/** A published port: "80/0", the protocol as a number. */
export const portKey = ({ publishedPort, protocol }: Pick<PortConfig, "publishedPort" | "protocol">) =>
  `${publishedPort}/${protocol}`;
/** The slot of a global service's task is its node. */
export const nodeSlotKey = (serviceId: string, nodeId: string) => `${serviceId}/${nodeId}`;

const named = (object: {
  readonly spec: { readonly annotations: { readonly name: string } | undefined } | undefined;
}) => [nameKey(object.spec?.annotations?.name ?? "")];
const annotated = (object: { readonly annotations: { readonly name: string } | undefined }) => [
  nameKey(object.annotations?.name ?? ""),
];

const NO_KEYS: readonly string[] = Object.freeze([]);

export const INDEXES = {
  cluster: { name: named },
  node: {
    name: (node: Node) => [nameKey(node.description?.hostname ?? "")],
    role: (node: Node) => [String(node.role)],
    membership: (node: Node) => [String(node.spec?.membership ?? 0)],
  },
  service: {
    name: named,
    network: (service: Service) => referencedNetworks(service),
    runtime: (service: Service) => [runtimeOf(service.spec?.task)],
    /** Asked for or allocated; see {@link portKey}. */
    publishedPort: (service: Service) => publishedPorts(service),
  },
  task: {
    name: annotated,
    service: (task: Task) => [task.serviceId],
    /** Those that are on a node. */
    node: (task: Task) => (task.nodeId === "" ? NO_KEYS : [task.nodeId]),
    slot: (task: Task) => [taskSlotKey(task)],
    desiredState: (task: Task) => [TaskState[task.desiredState] ?? ""],
    state: (task: Task) => [TaskState[task.status?.state ?? 0] ?? ""],
    network: (task: Task) => taskNetworks(task),
    runtime: (task: Task) => [runtimeOf(task.spec)],
  },
  network: { name: named },
  secret: { name: named },
  config: { name: named },
  extension: { name: annotated },
  resource: { name: annotated, kind: (resource: Resource) => [resource.kind] },
  volume: {
    name: named,
    group: (volume: Volume) => [volume.spec?.group ?? ""],
    driver: (volume: Volume) => [volume.spec?.driver?.name ?? ""],
  },
} as const satisfies { readonly [K in Kind]: Readonly<Record<string, IndexKeys<ObjectTypes[K]>>> };

export type IndexName<K extends Kind> = keyof (typeof INDEXES)[K] & string;

/**
 * Indexes that a table builds when somebody first asks for them, since hardly anybody does: of 100,000 tasks each would take
 * some 10 MB. The others are there from the start.
 */
export const LAZY_INDEXES: { readonly [K in Kind]?: readonly IndexName<K>[] } = {
  task: ["name", "slot", "desiredState", "state", "runtime"],
};

/** Where it is cheaper to see that the keys are the same than to find them. */
export const UNCHANGED: {
  readonly [K in Kind]?: { readonly [I in IndexName<K>]?: (before: ObjectTypes[K], now: ObjectTypes[K]) => boolean };
} = {
  task: {
    service: (before, now) => before.serviceId === now.serviceId,
    node: (before, now) => before.nodeId === now.nodeId,
    network: (before, now) => before.networks === now.networks && before.spec === now.spec,
  },
};

export const KINDS = Object.keys(INDEXES) as Kind[];

export const UNIQUE_NAMES: ReadonlySet<Kind> = new Set([
  "cluster",
  "service",
  "network",
  "secret",
  "config",
  "extension",
  "resource",
  "volume",
]);

/** The slot of a task: a number in a replicated service, the node in a global one. */
export function taskSlotKey(task: Task): string {
  return task.slot === 0 ? nodeSlotKey(task.serviceId, task.nodeId) : slotKey(task.serviceId, task.slot);
}

/** Ids of the networks that a service's specification names; the deprecated place counts while the new one is empty. */
export function referencedNetworks(service: Service): readonly string[] {
  const attachments = service.spec?.task?.networks.length ? service.spec.task.networks : (service.spec?.networks ?? []);
  return [...new Set(attachments.map((attachment) => attachment.target))];
}

function publishedPorts(service: Service): readonly string[] {
  const ports = [...(service.spec?.endpoint?.ports ?? []), ...(service.endpoint?.ports ?? [])];
  return [...new Set(ports.filter(({ publishedPort }) => publishedPort > 0).map(portKey))];
}

function taskNetworks(task: Task): readonly string[] {
  const ids: string[] = [];
  for (const { target } of task.spec?.networks ?? []) if (!ids.includes(target)) ids.push(target);
  for (const { network } of task.networks) if (network && !ids.includes(network.id)) ids.push(network.id);
  return ids;
}

/** "container", "attachment", or the kind of a generic runtime. */
export function runtimeOf(task: Task["spec"]): string {
  if (task?.runtime?.$case === "generic") return task.runtime.value.kind;
  return task?.runtime?.$case ?? "";
}
