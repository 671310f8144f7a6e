import type {
  CreateNetworkRequest,
  CreateNetworkResponse,
  GetNetworkRequest,
  GetNetworkResponse,
  ListNetworksRequest,
  ListNetworksResponse,
  RemoveNetworkRequest,
  RemoveNetworkResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { failedPrecondition, invalidArgument, notFound } from "../../api/status-error.js";
import { newObjectId } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import { nameKey } from "../../store/tables.js";
import { publishesOnIngress } from "../allocator/wanted-endpoint.js";
import { isOver } from "../task-life.js";
import { type ControlContext, control, type Methods } from "./context.js";
import { fitsFilters } from "./filter.js";
import { checkNetworkConflicts, checkNetworkSpec } from "./validation/network-spec.js";

export function networkMethods(context: ControlContext): Methods {
  return {
    getNetwork: control(context, (request: GetNetworkRequest) => getNetwork(context, request)),
    listNetworks: control(context, (request: ListNetworksRequest) => listNetworks(context, request)),
    createNetwork: control(context, (request: CreateNetworkRequest) => createNetwork(context, request)),
    removeNetwork: control(context, (request: RemoveNetworkRequest) => removeNetwork(context, request)),
  };
}

function getNetwork({ store }: ControlContext, request: GetNetworkRequest): GetNetworkResponse {
  return { network: store.view((read) => findNetwork(read, request)) };
}

function listNetworks({ store }: ControlContext, { filters }: ListNetworksRequest): ListNetworksResponse {
  const networks = store.view((read) => read.all("network"));
  return {
    networks: networks.filter(({ id, spec }) =>
      fitsFilters(filters, { id, name: spec?.annotations?.name ?? "", labels: spec?.annotations?.labels ?? {} }),
    ),
  };
}

async function createNetwork(
  { store, random }: ControlContext,
  { spec }: CreateNetworkRequest,
): Promise<CreateNetworkResponse> {
  if (!spec) throw invalidArgument("invalid argument: the specification of the network is missing");
  checkNetworkSpec(spec);
  const id = newObjectId(random);
  await store.update((tx) => {
    checkNetworkConflicts(spec, tx.all("network"));
    tx.create("network", Network.fromPartial({ id, spec }));
  });
  return { network: store.view((read) => read.get("network", id)) };
}

async function removeNetwork({ store }: ControlContext, request: RemoveNetworkRequest): Promise<RemoveNetworkResponse> {
  await store.update((tx) => {
    const network = findNetwork(tx, request);
    const name = network.spec?.annotations?.name;
    const publishing = network.spec?.ingress ? tx.all("service").find(publishesOnIngress) : undefined;
    if (publishing) {
      throw failedPrecondition(
        `ingress network ${name} cannot be removed: service ${publishing.spec?.annotations?.name} publishes ports on it`,
      );
    }
    const [service] = tx.find("service", "network", network.id);
    if (service) throw failedPrecondition(`network ${name} is in use by service ${service.spec?.annotations?.name}`);
    const task = tx.find("task", "network", network.id).find((one) => !isOver(one));
    if (task) throw failedPrecondition(`network ${name} is in use by task ${task.id}`);
    tx.remove("network", network.id);
  });
  return {};
}

/** @throws StatusError (INVALID_ARGUMENT, NOT_FOUND) */
function findNetwork(read: StoreReader, request: { readonly name: string; readonly networkId: string }): Network {
  const { name, networkId } = request;
  if (name === "" && networkId === "")
    throw invalidArgument("invalid argument: neither id nor name of a network is given");
  const network = networkId ? read.get("network", networkId) : read.find("network", "name", nameKey(name))[0];
  if (!network) throw notFound(`network ${networkId || name} not found`);
  return network;
}
