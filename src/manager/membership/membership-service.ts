/** Takes managers in and lets them go. Only on the leader. */
import type { Metadata } from "@grpc/grpc-js";
import {
  type JoinRequest,
  type JoinResponse,
  type LeaveRequest,
  type LeaveResponse,
  RaftMembershipService,
} from "../../api/generated/docker/swarmkit/v1/raft.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, unary } from "../../api/server-call.js";
import { failedPrecondition, notFound, permissionDenied } from "../../api/status-error.js";
import type { Raft } from "../../raft/node/raft.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Store } from "../../store/store.js";
import { isRemoved } from "../ca/removed-nodes.js";
import { writing } from "../write-error.js";
import { peerAddress } from "./peer-address.js";
import { checkRemovable } from "./removable.js";
import { writeStatuses } from "./status-keeper.js";

export interface MembershipServiceOptions {
  readonly store: Store;
  readonly raft: Raft<unknown>;
  readonly identity: CallerIdentity;
  readonly log: (line: string) => void;
}

/** In the metadata of Leave: also where the rest is no quorum. */
const FORCE_KEY = "tswarm-force";
/** In the metadata of Join: the manager has no log; it knows what a member is that does not vote yet. SwarmKit's managers do not say so. */
const EMPTY_LOG_KEY = "tswarm-empty-log";

export function withForce(metadata: Metadata): Metadata {
  metadata.set(FORCE_KEY, "true");
  return metadata;
}

export function withEmptyLog(metadata: Metadata): Metadata {
  metadata.set(EMPTY_LOG_KEY, "true");
  return metadata;
}

export class MembershipService {
  readonly #options: MembershipServiceOptions;

  constructor(options: MembershipServiceOptions) {
    this.#options = options;
  }

  /** The gRPC service. */
  service() {
    const { log } = this.#options;
    const join = unary((request: JoinRequest, context) => writing(() => this.#join(request, context)), log);
    const leave = unary((request: LeaveRequest, context) => writing(() => this.#leave(request, context)), log);
    return partialService(RaftMembershipService, { join, leave }, log);
  }

  async #join({ addr }: JoinRequest, context: CallContext): Promise<JoinResponse> {
    const { store, raft, identity, log } = this.#options;
    const { nodeId, peer } = identity.identify(context);
    const address = peerAddress(addr, peer);
    // A member whose node is none of the managers would be taken out again.
    await this.#checkWanted(nodeId);
    const hasEmptyLog = context.metadata.get(EMPTY_LOG_KEY)[0] === "true";
    const options = hasEmptyLog ? { hasEmptyLog } : { asLearner: false };
    const { id, members, removed } = await raft.join(nodeId, address, options);
    log(`manager ${nodeId} at ${address} is a member (raft id ${id})`);
    await writeStatuses(store, raft);
    return { raftId: id, members, removedMembers: removed };
  }

  /** @throws StatusError (PERMISSION_DENIED) for a node that the cluster does not want as a manager at this moment */
  #checkWanted(nodeId: string): Promise<void> {
    return this.#options.store.update((tx) => {
      if (isRemoved(tx, nodeId)) throw permissionDenied(`node ${nodeId} was removed from the cluster`);
      const node = tx.get("node", nodeId);
      if (!node) throw permissionDenied(`node ${nodeId} is no node of the cluster: it has to join first`);
      if (node.spec?.desiredRole !== NodeRole.MANAGER) {
        throw permissionDenied(`node ${nodeId} is to be a worker: it has to be promoted first`);
      }
    });
  }

  /** What is asked for is written down; the role manager does it, here or under the next leader. */
  async #leave({ node }: LeaveRequest, context: CallContext): Promise<LeaveResponse> {
    const { store, raft, identity, log } = this.#options;
    const caller = identity.identify(context);
    if (caller.role !== NodeRole.MANAGER) throw permissionDenied(`node ${caller.nodeId} is no manager`);
    const isForced = context.metadata.get(FORCE_KEY)[0] === "true";
    const members = raft.members();
    const member = members.find(({ raftId, nodeId }) => raftId === node?.raftId || nodeId === node?.nodeId);
    if (!member) throw notFound("the manager that is to leave is no member");
    if (members.length === 1) throw failedPrecondition("attempting to remove the last manager of the swarm");
    if (!isForced) await checkRemovable(raft, member.raftId);
    log(`manager ${member.nodeId} leaves${isForced ? ", by force" : ""}`);
    await store.update((tx) => {
      const known = tx.get("node", member.nodeId);
      if (!known?.spec || known.spec.desiredRole === NodeRole.WORKER) return;
      tx.update("node", { ...known, spec: { ...known.spec, desiredRole: NodeRole.WORKER } });
    });
    if (isForced && member.raftId !== raft.id) await raft.removeMember(member.raftId, { force: true });
    return {};
  }
}
