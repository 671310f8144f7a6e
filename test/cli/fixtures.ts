/** Objects of a small cluster: two hosts, one of which manages, and a network. */
import { Cluster, Network, Node, Service, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeRole,
  NodeStatus_State as NodeState,
  RaftMemberStatus_Reachability as Reachability,
  TaskState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { emptyProcess, processRuntime } from "../../src/cli/service/spec/runtime.js";

/** A 25-character id that begins so. */
export function id(prefix: string): string {
  return prefix.padEnd(25, "x");
}

export const HOST1 = Node.fromPartial({
  id: id("n1"),
  role: NodeRole.MANAGER,
  spec: { desiredRole: NodeRole.MANAGER, annotations: { labels: { zone: "a" } } },
  description: {
    hostname: "host1",
    platform: { architecture: "x86_64", os: "linux" },
    resources: { nanoCpus: 2e9, memoryBytes: 4 * 1024 ** 3 },
    engine: { engineVersion: "0.1.0", plugins: [{ type: "LoadBalancer", name: "nftables" }] },
  },
  status: { state: NodeState.READY, addr: "10.99.0.1" },
  managerStatus: { leader: true, reachability: Reachability.REACHABLE, addr: "10.99.0.1:4242" },
});

export const HOST2 = Node.fromPartial({
  id: id("n2"),
  spec: { desiredRole: NodeRole.WORKER },
  description: { hostname: "host2", engine: { engineVersion: "0.1.0" } },
  status: { state: NodeState.READY, addr: "10.99.0.2" },
});

export const SHOP = Network.fromPartial({
  id: id("shop"),
  spec: { annotations: { name: "shop" }, driverConfig: { name: "overlay" } },
  driverState: {
    name: "overlay",
    options: { "com.docker.network.driver.overlay.vxlanid_list": "4097" },
  },
  ipam: { configs: [{ subnet: "10.0.1.0/24", gateway: "10.0.1.1" }] },
});

export const CLUSTER = Cluster.fromPartial({
  id: id("cluster"),
  meta: { version: { index: 3 }, createdAt: { seconds: 1_700_000_000 } },
  spec: {
    annotations: { name: "default" },
    orchestration: { taskHistoryRetentionLimit: 5 },
    raft: { snapshotInterval: 10_000, logEntriesForSlowFollowers: 500, heartbeatTick: 1, electionTick: 10 },
    dispatcher: { heartbeatPeriod: { seconds: 5 } },
    encryptionConfig: { autoLockManagers: false },
  },
  defaultAddressPool: ["10.0.0.0/8"],
  subnetSize: 24,
  VXLANUDPPort: 4789,
});

/** A process service named so, with that many replicas. */
export function processService(name: string, replicas = 3, serviceId = id(`s${name}`)): Service {
  return Service.fromPartial({
    id: serviceId,
    meta: { version: { index: 7 }, createdAt: { seconds: 1_700_000_000 } },
    spec: {
      annotations: { name },
      task: {
        runtime: processRuntime({ ...emptyProcess(), command: ["node", "server.js"], env: ["LEVEL=info"] }) as never,
        networks: [{ target: SHOP.id }],
      },
      mode: { $case: "replicated", value: { replicas } },
      endpoint: { ports: [{ targetPort: 80, publishedPort: 8080 }] },
    },
    endpoint: {
      ports: [{ targetPort: 80, publishedPort: 8080 }],
      virtualIps: [{ networkId: SHOP.id, addr: "10.0.1.2/24" }],
    },
  });
}

/** A task of a service in one slot, running unless said otherwise. */
export function taskOf(
  service: Service,
  slot: number,
  state: TaskState = TaskState.RUNNING,
  more: Partial<Parameters<typeof Task.fromPartial>[0]> & { readonly err?: string } = {},
): Task {
  const { err = "", ...rest } = more;
  const name = service.spec?.annotations?.name ?? "";
  const taskId = (rest.id as string | undefined) ?? id(`t${slot}${name}`);
  return Task.fromPartial({
    id: taskId,
    serviceId: service.id,
    slot,
    nodeId: slot % 2 === 1 ? HOST1.id : HOST2.id,
    annotations: { name: `${name}.${slot}.${taskId}` },
    serviceAnnotations: { name },
    desiredState: TaskState.RUNNING,
    status: { state, err, timestamp: { seconds: 1_700_000_000 } },
    spec: service.spec?.task as never,
    networks: [
      { network: { id: SHOP.id, spec: { annotations: { name: "shop" } } }, addresses: [`10.0.1.${slot + 2}/24`] },
    ],
    ...rest,
  } as never);
}
