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
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  NodeSpec_Membership as Membership,
  type NodeSpec,
} from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole, NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { failedPrecondition, invalidArgument, notFound, unimplemented } from "../../api/status-error.js";
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
  { store }: ControlContext,
  { nodeId, nodeVersion, spec }: UpdateNodeRequest,
): Promise<UpdateNodeResponse> {
  checkId("node", nodeId);
  if (!spec) throw invalidArgument("invalid argument: the specification of the node is missing");
  await store.update((tx) => {
    const node = tx.get("node", nodeId);
    if (!node) throw notFound(`node ${nodeId} not found`);
    checkNodeSpec(spec, node);
    tx.update("node", { ...atVersion(node, nodeVersion), spec });
  });
  return { node: store.view((read) => read.get("node", nodeId)) };
}

function checkNodeSpec(spec: NodeSpec, node: Node): void {
  if (Availability[spec.availability] === undefined || Membership[spec.membership] === undefined) {
    throw invalidArgument("invalid argument: availability or membership is not known");
  }
  if (spec.desiredRole === node.role) return;
  if (node.role === NodeRole.MANAGER) throw failedPrecondition("attempting to demote the last manager of the swarm");
  throw unimplemented(`node ${node.id} cannot become a manager: this version of tswarm has one manager`);
}

async function removeNode(
  { store, clock }: ControlContext,
  { nodeId, force }: RemoveNodeRequest,
): Promise<RemoveNodeResponse> {
  checkId("node", nodeId);
  await store.update((tx) => {
    const node = tx.get("node", nodeId);
    if (!node) throw notFound(`node ${nodeId} not found`);
    if (node.role === NodeRole.MANAGER) {
      throw failedPrecondition(
        `node ${nodeId} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
      );
    }
    if (node.status?.state === NodeState.READY && !force) {
      throw failedPrecondition(`node ${nodeId} is not down and can't be removed`);
    }
    const [cluster] = tx.all("cluster");
    if (cluster) {
      const blacklistedCertificates = { ...cluster.blacklistedCertificates, [nodeId]: { expiry: undefined } };
      tx.update("cluster", { ...cluster, blacklistedCertificates });
    }
    tx.remove("node", nodeId);
  });
  const tasks = store.view((read) => read.find("task", "node", nodeId).map(({ id }) => id));
  await store.batch(tasks, (tx, id) => {
    const task = tx.get("task", id);
    if (!task || hasEnded(task)) return;
    const change = { state: TaskState.ORPHANED, message: "its node was removed from the cluster" };
    tx.update("task", { ...task, status: statusAt(task.status, change, clock.now()) });
  });
  return {};
}
