/** Where a node stands, as people are told. */
import { hostname } from "node:os";
import { NodeRole } from "../api/generated/docker/swarmkit/v1/types.js";
import { ManagerState } from "../api/generated/tswarm/v1/manager.js";
import { LocalNodeState, NodeInfoResponse } from "../api/generated/tswarm/v1/node.js";
import { timestampOf } from "../api/time.js";
import { expiryOf } from "./identity/manager-certificate.js";
import type { ClusterNode } from "./node.js";
import type { NodeContext } from "./node-context.js";
import { version } from "./options.js";

export interface KnownState {
  /** Of a node that is a member. */
  readonly state: LocalNodeState;
  /** Why it is no member. */
  readonly error: string;
}

export async function nodeInfo(
  { flags, sockets, state, managerUser }: NodeContext,
  node: ClusterNode | undefined,
  known: KnownState,
): Promise<NodeInfoResponse> {
  const common = {
    controlSocket: sockets.control,
    version: version(),
    stateDir: state.path,
    managerUser: managerUser?.name ?? "root",
  };
  if (!node) {
    const inactive = known.state === LocalNodeState.NODE_PENDING ? known.state : LocalNodeState.NODE_INACTIVE;
    const host = flags.start.settings.hostname ?? hostname();
    return NodeInfoResponse.fromPartial({ ...common, state: inactive, error: known.error, hostname: host });
  }
  const { membership, identity, managerCertificate } = node;
  const isManager = membership.role === "manager";
  const manager = isManager ? await node.manager.client.status() : undefined;
  const { problem } = node;
  const isLost = node.isRemoved || identity?.problem !== undefined;
  const managerExpiryMs = expiryOf(managerCertificate);
  return NodeInfoResponse.fromPartial({
    ...common,
    state: stateOf(known.state, manager?.state, isLost),
    error: problem ?? "",
    nodeId: membership.nodeId,
    nodeAddr: node.advertiseAddress,
    role: isManager ? NodeRole.MANAGER : NodeRole.WORKER,
    controlAvailable: manager?.state === ManagerState.MANAGER_RUNNING,
    managers: membership.managers.map(({ nodeId, address }) => ({ nodeId, addr: address })),
    clusterId: identity?.clusterId ?? "",
    ...(identity ? { certificateExpiresAt: timestampOf(identity.expiresAtMs) } : {}),
    ...(managerExpiryMs === undefined ? {} : { managerCertificateExpiresAt: timestampOf(managerExpiryMs) }),
    rootCa: Buffer.from(identity?.certificate.rootPem ?? ""),
    hostname: node.hostname,
  });
}

function stateOf(state: LocalNodeState, manager: ManagerState | undefined, isLost: boolean): LocalNodeState {
  if (manager === ManagerState.MANAGER_LOCKED) return LocalNodeState.NODE_LOCKED;
  if (isLost) return LocalNodeState.NODE_ERROR;
  return state;
}
