/**
 * Networks for containers that no service owns (`docker run --network NAME` on a node): each attachment is a task of its node without a
 * service. The allocator gives it an address, its node reports on it, and it goes when the node detaches it. Only on the leader.
 */
import type { Network, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { Task as TaskMessage } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type AttachNetworkRequest,
  type AttachNetworkResponse,
  type DetachNetworkRequest,
  type DetachNetworkResponse,
  ResourceAllocatorService,
} from "../../api/generated/docker/swarmkit/v1/resource.js";
import type { NetworkAttachmentConfig } from "../../api/generated/docker/swarmkit/v1/types.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, unary } from "../../api/server-call.js";
import { invalidArgument, notFound, permissionDenied, resourceExhausted } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import type { Store } from "../../store/store.js";
import { nameKey } from "../../store/tables.js";
import { contains, parseAddress, parseRange } from "../allocator/ip-range.js";
import { statusAt } from "../task-life.js";
import { writing } from "../write-error.js";

export interface ResourceAllocatorOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  readonly log: (line: string) => void;
}

/** A node that was taken over must not fill the store. */
export const MAX_ATTACHMENTS_PER_NODE = 1000;
/** One of each family. */
const MAX_ADDRESSES = 2;
const MAX_ALIASES = 64;
const MAX_TEXT = 255;

export class ResourceAllocator {
  readonly #options: ResourceAllocatorOptions;

  constructor(options: ResourceAllocatorOptions) {
    this.#options = options;
  }

  /** docker.swarmkit.v1.ResourceAllocator */
  service() {
    const { log } = this.#options;
    const attachNetwork = unary(
      (request: AttachNetworkRequest, context) => writing(() => this.#attach(request, context)),
      log,
    );
    const detachNetwork = unary(
      (request: DetachNetworkRequest, context) => writing(() => this.#detach(request, context)),
      log,
    );
    return partialService(ResourceAllocatorService, { attachNetwork, detachNetwork }, log);
  }

  async #attach({ config, containerId }: AttachNetworkRequest, context: CallContext): Promise<AttachNetworkResponse> {
    const { store, clock, random, identity } = this.#options;
    const { nodeId } = identity.identify(context);
    if (!config?.target) throw invalidArgument("invalid argument: no network is named");
    if (containerId.length > MAX_TEXT || config.target.length > MAX_TEXT) {
      throw invalidArgument(`invalid argument: a name or id has more than ${MAX_TEXT} characters`);
    }
    const id = newObjectId(random);
    await store.update((tx) => {
      if (!tx.get("node", nodeId)) throw permissionDenied(`node ${nodeId} is no node of the cluster`);
      const network = attachableNetwork(tx, config.target);
      checkConfig(config, network);
      const count = tx.find("task", "node", nodeId).filter(isAttachment).length;
      if (count >= MAX_ATTACHMENTS_PER_NODE) {
        throw resourceExhausted(`node ${nodeId} has ${count} attachments: it can have no more`);
      }
      const { addresses, aliases } = config;
      const created = { state: TaskState.NEW, message: "created" };
      const task = TaskMessage.fromPartial({
        id,
        nodeId,
        spec: {
          runtime: { $case: "attachment", value: { containerId } },
          networks: [{ target: network.id, addresses, aliases }],
        },
        desiredState: TaskState.RUNNING,
      });
      tx.create("task", { ...task, status: statusAt(undefined, created, clock.now()) });
    });
    return { attachmentId: id };
  }

  async #detach({ attachmentId }: DetachNetworkRequest, context: CallContext): Promise<DetachNetworkResponse> {
    const { store, identity } = this.#options;
    const { nodeId } = identity.identify(context);
    if (attachmentId === "") throw invalidArgument("invalid argument: no attachment is named");
    await store.update((tx) => {
      const task = tx.get("task", attachmentId);
      if (!task) throw notFound(`attachment ${attachmentId} not found`);
      if (task.nodeId !== nodeId || !isAttachment(task)) {
        throw permissionDenied(`attachment ${attachmentId} doesn't belong to this node`);
      }
      tx.remove("task", attachmentId);
    });
    return {};
  }
}

function isAttachment({ serviceId, spec }: Task): boolean {
  return serviceId === "" && spec?.runtime?.$case === "attachment";
}

/** @throws StatusError NOT_FOUND; PERMISSION_DENIED for a network of services alone */
function attachableNetwork(read: StoreReader, target: string): Network {
  const network = read.get("network", target) ?? read.find("network", "name", nameKey(target))[0];
  if (!network) throw notFound(`network ${target} not found`);
  if (!network.spec?.attachable) throw permissionDenied(`network ${target} not manually attachable`);
  return network;
}

/** @throws StatusError (INVALID_ARGUMENT) */
function checkConfig({ addresses, aliases }: NetworkAttachmentConfig, { spec, ipam }: Network): void {
  const name = spec?.annotations?.name;
  if (addresses.length > MAX_ADDRESSES) {
    throw invalidArgument(`invalid argument: ${addresses.length} addresses are asked for on network ${name}`);
  }
  if (aliases.length > MAX_ALIASES || aliases.some((alias) => alias.length > MAX_TEXT)) {
    throw invalidArgument(`invalid argument: at most ${MAX_ALIASES} aliases of ${MAX_TEXT} characters`);
  }
  const subnets = (ipam?.configs ?? []).flatMap(({ subnet }) => parseRange(subnet) ?? []);
  for (const text of addresses) {
    const address = parseAddress(text);
    if (!address) throw invalidArgument(`invalid argument: "${text}" is no address`);
    // Before the network has its subnets nobody can say.
    if (subnets.length > 0 && !subnets.some((subnet) => contains(subnet, address))) {
      throw invalidArgument(`invalid argument: ${text} is no address of network ${name}`);
    }
  }
}
