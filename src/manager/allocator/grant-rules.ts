/** What nodes, services and tasks are given. Pure but for taking addresses. */
import type { Network, NetworkAttachment, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { isOver, isWanted, stateOf, statusAt } from "../task-life.js";
import { AllocationError } from "./allocation-error.js";
import type { GrantRules } from "./grants.js";
import type { Holding } from "./holding.js";
import type { HeldAddress } from "./network-pools.js";
import { type AttachedNetworks, isNetworkAllocated } from "./network-record.js";
import type { NodeNetworks } from "./node-networks.js";
import type { PublishedPorts } from "./published-ports.js";
import { isEndpointComplete, publishesOnIngress, taskNetworkIds, virtualIpNetworkIds } from "./wanted-endpoint.js";

/** What the rules must know besides the store. */
export interface GrantContext {
  /** The id of the ingress network; undefined while there is none. */
  readonly ingressId: () => string | undefined;
  readonly attached: AttachedNetworks;
  readonly ports: PublishedPorts;
  readonly nodeNetworks: NodeNetworks;
  /** Why a service waits. */
  readonly reasonOfService: (serviceId: string) => string | undefined;
  readonly now: () => number;
}

/** Networks on which a node is to have an address: ingress first. */
export function wantedNetworkIds(nodeId: string, { ingressId, nodeNetworks }: GrantContext): readonly string[] {
  const ingress = ingressId();
  const others = nodeNetworks.of(nodeId).filter((id) => id !== ingress);
  return ingress === undefined ? others : [ingress, ...others];
}

/** A node has one address on the ingress network, and on the others that its agent waits for. */
export function nodeRules(context: GrantContext): GrantRules<"node"> {
  return {
    kind: "node",
    holdingOf: (node) => node.attachments,
    plan: (node, read, take) => {
      const wanted = wantedNetworkIds(node.id, context);
      const present = new Map(node.attachments.map((attachment) => [attachment.network?.id, attachment]));
      if (present.size === wanted.length && wanted.every((id) => present.has(id))) return undefined;
      let lacking: AllocationError | undefined;
      const attachments = wanted.flatMap((id) => {
        const known = present.get(id);
        if (known) return [known];
        try {
          const network = allocatedNetwork(read, id);
          // What the engine takes for its load balancer is the first address: there is one of IPv4 alone.
          return [attachmentOf(context.attached.of(network), take(id, { families: [4] }), NO_ALIASES)];
        } catch (error) {
          if (!(error instanceof AllocationError)) throw error;
          lacking = error;
          return [];
        }
      });
      const isSame =
        attachments.length === present.size && attachments.every(({ network }) => present.has(network?.id));
      if (lacking && isSame) throw lacking;
      return {
        holding: attachments,
        lacking,
        write: (current) => (current.attachments === node.attachments ? { ...current, attachments } : undefined),
      };
    },
  };
}

/** A service has a virtual IP of each family per network, and its ports. */
export function serviceRules({ ingressId, ports }: GrantContext): GrantRules<"service"> {
  return {
    kind: "service",
    holdingOf: (service) => service.endpoint?.virtualIps ?? NOTHING,
    plan: (service, read, take) => {
      if (isEndpointComplete(service, ingressId())) return undefined;
      if (publishesOnIngress(service) && ingressId() === undefined) {
        throw new AllocationError("the service publishes ports, but there is no ingress network", INGRESS);
      }
      const present = service.endpoint?.virtualIps ?? [];
      const virtualIps = virtualIpNetworkIds(service, ingressId()).flatMap((networkId) => {
        allocatedNetwork(read, networkId);
        const known = present.filter((held) => held.networkId === networkId);
        return known.length > 0 ? known : take(networkId).map(({ address }) => ({ networkId, addr: address }));
      });
      const spec = service.spec?.endpoint;
      // Last, because it takes effect at once.
      const granted = ports.allocate(service.id, spec?.ports, service.endpoint?.ports ?? []);
      return {
        holding: virtualIps,
        write: (current) =>
          current.spec === service.spec ? { ...current, endpoint: { spec, ports: granted, virtualIps } } : undefined,
      };
    },
  };
}

/** A task has an address of each family per network; then it is ready to be scheduled. */
export function taskRules(context: GrantContext): GrantRules<"task"> {
  const { ingressId, reasonOfService, attached, now } = context;
  return {
    kind: "task",
    holdingOf: (task) => (isOver(task) ? NOTHING : task.networks),
    plan: (task, read, take) => {
      if (stateOf(task) !== TaskState.NEW || !isWanted(task)) return undefined;
      const service = read.get("service", task.serviceId);
      if (!service && task.serviceId !== "") return undefined;
      if (service && !isEndpointComplete(service, ingressId())) {
        const reason = reasonOfService(service.id) ?? "the service has no endpoint yet";
        throw new AllocationError(reason, { kind: "service", id: service.id });
      }
      const networkIds = service ? taskNetworkIds(service, ingressId()) : ownNetworkIds(task);
      const attachments = networkIds.map((networkId) => {
        const network = attached.of(allocatedNetwork(read, networkId));
        const { addresses: chosen = NO_CHOICE, aliases = NO_ALIASES } = configOn(task, networkId) ?? {};
        // A service's tasks are alike: none of them can have an address that was chosen.
        return attachmentOf(network, take(networkId, service ? {} : { chosen }), aliases);
      });
      return {
        holding: attachments,
        write: (current) =>
          stateOf(current) === TaskState.NEW && isWanted(current)
            ? allocated(current, service, attachments, now())
            : undefined,
      };
    },
  };
}

const INGRESS = { kind: "ingress", id: "" } as const;
const NOTHING: Holding = [];
const NO_ALIASES: readonly string[] = [];
const NO_CHOICE: readonly string[] = [];

function allocated(
  task: Task,
  service: Service | undefined,
  networks: readonly NetworkAttachment[],
  nowMs: number,
): Task {
  return {
    ...task,
    networks,
    endpoint: service ? service.endpoint : task.endpoint,
    status: statusAt(task.status, { state: TaskState.PENDING, message: "waits for a node" }, nowMs),
  };
}

/** @throws AllocationError for a network that is missing or has no subnet yet */
function allocatedNetwork(read: StoreReader, id: string): Network {
  const network = read.get("network", id);
  if (!network) throw new AllocationError(`network ${id} not found`, { kind: "subnet", id });
  if (!isNetworkAllocated(network)) {
    throw new AllocationError(`network ${network.spec?.annotations?.name} has no subnet yet`, { kind: "subnet", id });
  }
  return network;
}

function attachmentOf(network: Network, held: readonly HeldAddress[], aliases: readonly string[]): NetworkAttachment {
  return { network, addresses: held.map(({ address }) => address), aliases, driverAttachmentOpts: {} };
}

/** Of a task that is no service's. */
function ownNetworkIds(task: Task): readonly string[] {
  return [...new Set((task.spec?.networks ?? []).map(({ target }) => target))];
}

function configOn(task: Task, networkId: string) {
  return task.spec?.networks.find(({ target }) => target === networkId);
}
