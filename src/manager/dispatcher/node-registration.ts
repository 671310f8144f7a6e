/** What the store says of nodes as they come, fall silent, and stay away. */
import type { Cluster, Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  NodeSpec_Membership as Membership,
} from "../../api/generated/docker/swarmkit/v1/specs.js";
import {
  type ManagerStatus,
  type NodeDescription,
  NodeRole,
  NodeStatus_State as NodeState,
  RaftMemberStatus_Reachability as Reachability,
  TaskState,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { permissionDenied } from "../../api/status-error.js";
import type { Caller } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import { hasEnded, stateOf, statusAt } from "../task-life.js";

export interface Registration {
  readonly caller: Caller;
  readonly description: NodeDescription | undefined;
  /** The node's address, without port. */
  readonly address: string;
}

export class NodeRegistry {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Where the manager's own node is reached by others, "10.0.0.1:4242". */
  readonly #managerAddress: string;

  constructor(store: Store, clock: Clock, managerAddress: string) {
    this.#store = store;
    this.#clock = clock;
    this.#managerAddress = managerAddress;
  }

  /** A node has come: it is READY. @throws StatusError (PERMISSION_DENIED) for a node that was removed */
  async register({ caller, description, address }: Registration): Promise<void> {
    await this.#store.update((tx) => {
      const [cluster] = tx.all("cluster");
      const { nodeId } = caller;
      if (cluster && Object.hasOwn(cluster.blacklistedCertificates, nodeId)) {
        throw permissionDenied(`node ${nodeId} was removed from the cluster`);
      }
      const known = tx.get("node", nodeId);
      const node: Node = {
        ...(known ?? newNode(caller, cluster)),
        description,
        role: caller.role,
        status: { state: NodeState.READY, message: "", addr: address },
        managerStatus: caller.role === NodeRole.MANAGER ? this.#managerStatus() : undefined,
      };
      if (known) tx.update("node", node);
      else tx.create("node", node);
    });
  }

  /** A node is silent for too long. */
  async markDown(nodeId: string): Promise<void> {
    await this.#store.update((tx) => {
      const node = tx.get("node", nodeId);
      if (!node || node.status?.state === NodeState.DOWN) return;
      const status = { state: NodeState.DOWN, message: "heartbeat failure", addr: node.status?.addr ?? "" };
      tx.update("node", { ...node, status });
    });
  }

  /** A node is DOWN for so long that nobody counts on its tasks any more: what they hold is free. */
  async orphanTasks(nodeId: string): Promise<void> {
    const tasks = this.#store.view((read) => read.find("task", "node", nodeId).map(({ id }) => id));
    await this.#store.batch(tasks, (tx, id) => {
      const task = tx.get("task", id);
      const node = tx.get("node", nodeId);
      if (!task || hasEnded(task) || stateOf(task) < TaskState.ASSIGNED || node?.status?.state !== NodeState.DOWN)
        return;
      const change = { state: TaskState.ORPHANED, message: "its node has been down for too long" };
      tx.update("task", { ...task, status: statusAt(task.status, change, this.#clock.now()) });
    });
  }

  #managerStatus(): ManagerStatus {
    return { raftId: "1", addr: this.#managerAddress, leader: true, reachability: Reachability.REACHABLE };
  }
}

function newNode({ nodeId, role }: Caller, cluster: Cluster | undefined): Node {
  return {
    id: nodeId,
    meta: undefined,
    spec: {
      annotations: { name: "", labels: {}, indices: [] },
      desiredRole: role,
      membership: Membership.ACCEPTED,
      availability: Availability.ACTIVE,
    },
    description: undefined,
    status: undefined,
    managerStatus: undefined,
    attachment: undefined,
    certificate: undefined,
    role,
    attachments: [],
    VXLANUDPPort: cluster?.VXLANUDPPort ?? 0,
  };
}
