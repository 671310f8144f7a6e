/** What nodes, services and tasks are given. Pure but for taking addresses. */
import type { Network, NetworkAttachment, Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { StoreReader } from "../../store/reader.js";
import { isWanted, stateOf, statusAt } from "../task-life.js";
import { AllocationError } from "./allocation-error.js";
import type { GrantRules } from "./grants.js";
import { type HeldAddress, isNetworkAllocated } from "./network-pools.js";
import type { PublishedPorts } from "./published-ports.js";
import { isEndpointComplete, publishesOnIngress, taskNetworkIds, virtualIpNetworkIds } from "./wanted-endpoint.js";

/** The id of the ingress network; undefined while there is none. */
export type IngressId = () => string | undefined;

/** A node has one address on the ingress network. */
export function nodeRules(ingressId: IngressId): GrantRules<"node"> {
  return {
    kind: "node",
    addressesOf: (node) => attachedAddresses(node.attachments),
    plan: (node, read, take) => {
      const id = ingressId();
      const [attachment] = node.attachments;
      if (id === undefined || attachment?.network?.id === id) return undefined;
      const network = allocatedNetwork(read, id);
      const address = take(id);
      return {
        addresses: [address],
        write: (current) => ({ ...current, attachments: [attachmentOf(network, address, [])] }),
      };
    },
  };
}

/** A service has a virtual IP per network, and its ports. */
export function serviceRules(ingressId: IngressId, ports: PublishedPorts): GrantRules<"service"> {
  return {
    kind: "service",
    addressesOf: virtualAddresses,
    plan: (service, read, take) => {
      if (isEndpointComplete(service, ingressId())) return undefined;
      if (publishesOnIngress(service) && ingressId() === undefined) {
        throw new AllocationError("the service publishes ports, but there is no ingress network");
      }
      const present = new Map(virtualAddresses(service).map((held) => [held.networkId, held]));
      const addresses = virtualIpNetworkIds(service, ingressId()).map((networkId) => {
        allocatedNetwork(read, networkId);
        return present.get(networkId) ?? take(networkId);
      });
      const spec = service.spec?.endpoint;
      // Last, because it takes effect at once.
      const granted = ports.allocate(service.id, spec?.ports, service.endpoint?.ports ?? []);
      const virtualIps = addresses.map(({ networkId, address }) => ({ networkId, addr: address }));
      return {
        addresses,
        write: (current) =>
          current.spec === service.spec ? { ...current, endpoint: { spec, ports: granted, virtualIps } } : undefined,
      };
    },
  };
}

/** A task has an address per network; then it is ready to be scheduled. */
export function taskRules(
  ingressId: IngressId,
  reasonOfService: (serviceId: string) => string | undefined,
  now: () => number,
): GrantRules<"task"> {
  return {
    kind: "task",
    addressesOf: (task) => attachedAddresses(task.networks),
    plan: (task, read, take) => {
      if (stateOf(task) !== TaskState.NEW || !isWanted(task)) return undefined;
      const service = read.get("service", task.serviceId);
      if (!service) return undefined;
      if (!isEndpointComplete(service, ingressId())) {
        throw new AllocationError(reasonOfService(service.id) ?? "the service has no endpoint yet");
      }
      const granted = taskNetworkIds(service, ingressId()).map((networkId) => {
        const network = allocatedNetwork(read, networkId);
        const address = take(networkId);
        return { address, attachment: attachmentOf(network, address, aliasesOn(task, networkId)) };
      });
      return {
        addresses: granted.map(({ address }) => address),
        write: (current) =>
          stateOf(current) === TaskState.NEW && isWanted(current)
            ? allocated(
                current,
                service,
                granted.map(({ attachment }) => attachment),
                now(),
              )
            : undefined,
      };
    },
  };
}

function allocated(task: Task, service: Service, networks: readonly NetworkAttachment[], nowMs: number): Task {
  return {
    ...task,
    networks,
    endpoint: service.endpoint,
    status: statusAt(task.status, { state: TaskState.PENDING, message: "waits for a node" }, nowMs),
  };
}

/** @throws AllocationError for a network that is missing or has no subnet yet */
function allocatedNetwork(read: StoreReader, id: string): Network {
  const network = read.get("network", id);
  if (!network) throw new AllocationError(`network ${id} not found`);
  if (!isNetworkAllocated(network)) {
    throw new AllocationError(`network ${network.spec?.annotations?.name} has no subnet yet`);
  }
  return network;
}

function attachmentOf(network: Network, address: HeldAddress, aliases: readonly string[]): NetworkAttachment {
  return { network, addresses: [address.address], aliases, driverAttachmentOpts: {} };
}

function aliasesOn(task: Task, networkId: string): readonly string[] {
  return task.spec?.networks.find(({ target }) => target === networkId)?.aliases ?? [];
}

function attachedAddresses(attachments: readonly NetworkAttachment[]): readonly HeldAddress[] {
  return attachments.flatMap(({ network, addresses }) =>
    network ? addresses.map((address) => ({ networkId: network.id, address })) : [],
  );
}

function virtualAddresses(service: Service): readonly HeldAddress[] {
  return (service.endpoint?.virtualIps ?? []).map(({ networkId, addr }) => ({ networkId, address: addr }));
}
