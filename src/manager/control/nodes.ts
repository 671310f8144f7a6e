import type {
  GetNodeRequest,
  GetNodeResponse,
  ListNodesRequest,
  ListNodesResponse,
  RemoveNodeRequest,
  RemoveNodeResponse,
  UpdateNodeRequest,
  UpdateNodeResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import {
  NodeSpec_Availability as Availability,
  NodeSpec_Membership as Membership,
  type NodeSpec,
} from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole, NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { failedPrecondition, invalidArgument, notFound } from "../../api/status-error.js";
import type { StoreReader } from "../../store/reader.js";
import { withRemoved } from "../ca/removed-nodes.js";
import { hasEnded, statusAt } from "../task-life.js";
import { atVersion, type ControlContext, control, type Methods } from "./context.js";
import { anyOf, fitsFilters, hasLabels } from "./filter.js";
import { checkId } from "./validation/name.js";

export function nodeMethods(context: ControlContext): Methods {
  return {
    getNode: control(context, (request: GetNodeRequest) => getNode(context, request)),
    listNodes: control(context, (request: ListNodesRequest) => listNodes(context, request)),
    updateNode: control(context, (request: UpdateNodeRequest) => updateNode(context, request)),
    removeNode: control(context, (request: RemoveNodeRequest) => removeNode(context, request)),
  };
}

function getNode({ store }: ControlContext, { nodeId }: GetNodeRequest): GetNodeResponse {
  checkId("node", nodeId);
  const node = store.view((read) => read.get("node", nodeId));
  if (!node) throw notFound(`node ${nodeId} not found`);
  return { node };
}

function listNodes({ store }: ControlContext, { filters }: ListNodesRequest): ListNodesResponse {
  const nodes = store.view((read) => read.all("node"));
  return {
    nodes: nodes.filter(
      (node) =>
        fitsFilters(filters, {
          id: node.id,
          name: node.description?.hostname ?? "",
          labels: node.description?.engine?.labels ?? {},
        }) &&
        hasLabels(node.spec?.annotations?.labels ?? {}, filters?.nodeLabels) &&
        anyOf(filters?.roles, (role) => node.role === role) &&
        anyOf(filters?.memberships, (membership) => node.spec?.membership === membership),
    ),
  };
}

async function updateNode(
  context: ControlContext,
  { nodeId, nodeVersion, spec }: UpdateNodeRequest,
): Promise<UpdateNodeResponse> {
  const { store } = context;
  checkId("node", nodeId);
  if (!spec) throw invalidArgument("invalid argument: the specification of the node is missing");
  await store.update((tx) => {
    const node = tx.get("node", nodeId);
    if (!node) throw notFound(`node ${nodeId} not found`);
    checkNodeSpec(spec);
    if (spec.desiredRole === NodeRole.WORKER && node.spec?.desiredRole === NodeRole.MANAGER) {
      checkDemotion(context, nodeId, tx);
    }
    tx.update("node", { ...atVersion(node, nodeVersion), spec });
  });
  return { node: store.view((read) => read.get("node", nodeId)) };
}

function checkNodeSpec({ availability, membership, desiredRole }: NodeSpec): void {
  if (Availability[availability] === undefined || Membership[membership] === undefined) {
    throw invalidArgument("invalid argument: availability or membership is not known");
  }
  if (desiredRole !== NodeRole.WORKER && desiredRole !== NodeRole.MANAGER) {
    throw invalidArgument("invalid argument: the role is not known");
  }
}

/** What is refused here would leave a cluster that nobody can change. @throws StatusError (FAILED_PRECONDITION) */
function checkDemotion({ raft }: ControlContext, nodeId: string, read: StoreReader): void {
  const others = read
    .find("node", "role", String(NodeRole.MANAGER))
    .filter((node) => node.id !== nodeId && node.spec?.desiredRole === NodeRole.MANAGER && raft.isMember(node.id));
  if (others.length === 0) throw failedPrecondition("attempting to demote the last manager of the swarm");
  if (raft.isMember(nodeId) && !raft.canRemove(nodeId)) {
    throw failedPrecondition(
      `attempting to demote node ${nodeId}: can't remove member from the raft: this would result in a loss of quorum`,
    );
  }
}

async function removeNode(
  { store, clock, raft }: ControlContext,
  { nodeId, force }: RemoveNodeRequest,
): Promise<RemoveNodeResponse> {
  checkId("node", nodeId);
  await store.update((tx) => {
    const node = tx.get("node", nodeId);
    if (!node) throw notFound(`node ${nodeId} not found`);
    if (raft.isMember(nodeId)) {
      throw failedPrecondition(
        `node ${nodeId} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
      );
    }
    if (node.status?.state === NodeState.READY && !force) {
      throw failedPrecondition(`node ${nodeId} is not down and can't be removed`);
    }
    const [cluster] = tx.all("cluster");
    if (cluster) tx.update("cluster", withRemoved(cluster, node, clock.now()));
    tx.remove("node", nodeId);
  });
  const tasks = store.view((read) => read.find("task", "node", nodeId).map(({ id }) => id));
  await store.batch(tasks, (tx, id) => {
    const task = tx.get("task", id);
    if (!task || hasEnded(task)) return;
    const change = { state: TaskState.ORPHANED, message: "its node was removed from the cluster" };
    tx.update("task", { ...task, status: statusAt(task.status, change, store.clock.now()) });
  });
  return {};
}
