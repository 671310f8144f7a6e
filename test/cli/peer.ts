/** A tswarmd for tests: a real gRPC server with TLS on a unix socket, with a cluster in memory that tests set up at will. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, type ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { CAService } from "../../src/api/generated/docker/swarmkit/v1/ca.js";
import {
  ControlService,
  type KeyRotation,
  type ListServiceStatusesResponse_ServiceStatus as ServiceStatus,
} from "../../src/api/generated/docker/swarmkit/v1/control.js";
import {
  type Cluster,
  Config,
  Network,
  type Node,
  Secret,
  Service,
  type Task,
} from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { InspectorService, type NodeObservation } from "../../src/api/generated/tswarm/v1/link.js";
import { LocalManagerService, ManagerStatusResponse } from "../../src/api/generated/tswarm/v1/manager.js";
import { PlannerService } from "../../src/api/generated/tswarm/v1/planner.js";
import { selfSignedCertificate } from "../../src/security/pki/self-signed.js";
import { serverCredentials } from "../../src/security/transport.js";

/** A refusal that a handler throws. */
export class Refusal extends Error {
  constructor(
    readonly code: status,
    message: string,
  ) {
    super(message);
  }
}

type Handler = (request: never) => object;

/** What a peer was asked, in order. */
export interface Call {
  readonly method: string;
  readonly request: Record<string, unknown>;
}

export class Peer {
  nodes: Node[] = [];
  services: Service[] = [];
  networks: Network[] = [];
  secrets: Secret[] = [];
  configs: Config[] = [];
  clusters: Cluster[] = [];
  /** What the manager says of itself. */
  manager: Parameters<typeof ManagerStatusResponse.fromPartial>[0] = {};
  /** Of the cluster; none. */
  unlockKey = Buffer.alloc(0);
  observations: NodeObservation[] = [];
  /** The tasks at each look; a function may let the cluster move on. */
  tasks: () => Task[] = () => [];
  /** Which of them have the present specification. */
  isUpToDate: (task: Task) => boolean = () => true;
  /** Replaces the answer to a method. */
  readonly overrides = new Map<string, Handler>();
  readonly calls: Call[] = [];
  #made = 0;

  private constructor(
    readonly directory: string,
    readonly socket: string,
    private readonly server: Server,
  ) {}

  static async start(): Promise<Peer> {
    const directory = mkdtempSync(join(tmpdir(), "tswarm-cli-"));
    const socket = join(directory, "control.sock");
    const server = new Server({ "grpc.max_receive_message_length": -1 });
    const peer = new Peer(directory, socket, server);
    for (const service of [ControlService, InspectorService, PlannerService, LocalManagerService, CAService]) {
      const names = Object.keys(service);
      server.addService(
        service as never,
        Object.fromEntries(names.map((name) => [name, peer.#handler(name)])) as never,
      );
    }
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${socket}`, selfMadeCredentials(), (error) => (error ? reject(error) : resolve()));
    });
    return peer;
  }

  /** Ends all connections and removes every file. */
  stop(): void {
    this.server.forceShutdown();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Requests of one method. */
  requests(method: string): Record<string, unknown>[] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request);
  }

  #handler(method: string) {
    return (call: ServerUnaryCall<never, object>, answer: sendUnaryData<object>) => {
      this.calls.push({ method, request: call.request });
      const handler = this.overrides.get(method) ?? this.#answers[method];
      if (handler === undefined) return answer({ code: status.UNIMPLEMENTED, details: "the peer does not do this" });
      try {
        answer(null, handler(call.request));
      } catch (error) {
        if (error instanceof Refusal) answer({ code: error.code, details: error.message });
        else answer({ code: status.INTERNAL, details: String(error) });
      }
    };
  }

  readonly #answers: Readonly<Record<string, Handler>> = {
    listNodes: (request: Filtered) => ({
      nodes: this.nodes.filter((node) => fits(request, node.id, node.description?.hostname ?? "")),
    }),
    listNetworks: (request: Filtered) => ({
      networks: this.networks.filter((network) => fits(request, network.id, network.spec?.annotations?.name ?? "")),
    }),
    listServices: (request: Filtered) => ({
      services: this.services.filter((service) => fits(request, service.id, service.spec?.annotations?.name ?? "")),
    }),
    listTasks: (request: Filtered & { filters?: { serviceIds: string[]; nodeIds: string[]; upToDate: boolean } }) => ({
      tasks: this.tasks().filter(
        (task) =>
          fits(request, task.id, task.annotations?.name ?? "") &&
          (!request.filters?.serviceIds.length || request.filters.serviceIds.includes(task.serviceId)) &&
          (!request.filters?.nodeIds.length || request.filters.nodeIds.includes(task.nodeId)) &&
          (!request.filters?.upToDate || this.isUpToDate(task)),
      ),
    }),
    getService: (request: { serviceId: string }) => ({ service: this.#service(request.serviceId) }),
    listServiceStatuses: (request: { services: string[] }) => ({
      statuses: request.services.map((id) => this.#status(id)),
    }),
    createService: (request: { spec: Service["spec"] }) => {
      this.#made += 1;
      const service = Service.fromPartial({
        id: `made${this.#made}`.padEnd(25, "0"),
        meta: { version: { index: this.#made } },
        spec: request.spec,
      });
      this.services.push(service);
      return { service };
    },
    updateService: (request: { serviceId: string; spec: Service["spec"]; serviceVersion: { index: number } }) => {
      const old = this.#service(request.serviceId);
      const index = old.meta?.version?.index ?? 0;
      if (request.serviceVersion?.index !== index) throw new Refusal(status.UNKNOWN, "update out of sequence");
      const service = Service.fromPartial({
        ...(old as object),
        spec: request.spec,
        meta: { version: { index: index + 1 } },
      } as never);
      this.services = this.services.map((one) => (one.id === old.id ? service : one));
      return { service };
    },
    removeService: (request: { serviceId: string }) => {
      this.services = this.services.filter(({ id }) => id !== this.#service(request.serviceId).id);
      return {};
    },
    createNetwork: (request: { spec: Network["spec"] }) => {
      this.#made += 1;
      const network = Network.fromPartial({ id: `net${this.#made}`.padEnd(25, "0"), spec: request.spec });
      this.networks.push(network);
      return { network };
    },
    removeNetwork: (request: { networkId: string }) => {
      this.networks = this.networks.filter(({ id }) => id !== request.networkId);
      return {};
    },
    listSecrets: (request: Filtered) => ({
      secrets: this.secrets.filter((one) => fits(request, one.id, one.spec?.annotations?.name ?? "")),
    }),
    listConfigs: (request: Filtered) => ({
      configs: this.configs.filter((one) => fits(request, one.id, one.spec?.annotations?.name ?? "")),
    }),
    createSecret: (request: { spec: Secret["spec"] }) => {
      this.#made += 1;
      const secret = Secret.fromPartial({ id: `sec${this.#made}`.padEnd(25, "0"), spec: request.spec });
      return { secret };
    },
    createConfig: (request: { spec: Config["spec"] }) => {
      this.#made += 1;
      const config = Config.fromPartial({ id: `con${this.#made}`.padEnd(25, "0"), spec: request.spec });
      return { config };
    },
    removeSecret: ({ secretId }: { secretId: string }) => {
      this.secrets = this.secrets.filter(({ id }) => id !== secretId);
      return {};
    },
    removeConfig: ({ configId }: { configId: string }) => {
      this.configs = this.configs.filter(({ id }) => id !== configId);
      return {};
    },
    observe: () => ({ nodes: this.observations }),
    listClusters: (request: Filtered) => ({
      clusters: this.clusters.filter((cluster) => fits(request, cluster.id, cluster.spec?.annotations?.name ?? "")),
    }),
    updateCluster: (request: { clusterId: string; spec: Cluster["spec"]; rotation?: KeyRotation }) => {
      this.clusters = this.clusters.map((one) =>
        one.id === request.clusterId ? withNewTokens({ ...one, spec: request.spec }, request.rotation) : one,
      );
      return {};
    },
    updateNode: (request: { nodeId: string; spec: Node["spec"] }) => {
      this.nodes = this.nodes.map((one) => (one.id === request.nodeId ? { ...one, spec: request.spec } : one));
      return {};
    },
    getNode: (request: { nodeId: string }) => ({ node: this.nodes.find(({ id }) => id === request.nodeId) }),
    removeNode: (request: { nodeId: string }) => {
      this.nodes = this.nodes.filter(({ id }) => id !== request.nodeId);
      return {};
    },
    status: () => ManagerStatusResponse.fromPartial(this.manager),
    getUnlockKey: () => ({ unlockKey: this.unlockKey, version: undefined }),
    unlock: () => ({}),
    leaveManagers: () => ({}),
    takeSnapshot: () => ({ index: 4711, bytes: 3 * 1024 * 1024, took: { seconds: 0, nanos: 12_000_000 } }),
    transferLeadership: (request: { nodeId: string }) => ({
      leaderNodeId: request.nodeId || this.nodes[0]!.id,
    }),
  };

  #service(id: string): Service {
    const service = this.services.find((one) => one.id === id);
    if (service === undefined) throw new Refusal(status.NOT_FOUND, `service ${id} not found`);
    return service;
  }

  #status(serviceId: string): ServiceStatus {
    const tasks = this.tasks().filter((task) => task.serviceId === serviceId);
    const mode = this.#service(serviceId).spec?.mode;
    return {
      serviceId,
      desiredTasks: mode?.$case === "replicated" ? mode.value.replicas : tasks.length,
      runningTasks: tasks.filter((task) => task.status?.state === TaskState.RUNNING).length,
      completedTasks: 0,
    };
  }
}

/** What is rotated ends with a z more. */
function withNewTokens(cluster: Cluster, rotation: KeyRotation | undefined): Cluster {
  const tokens = cluster.rootCa?.joinTokens;
  if (!cluster.rootCa || !tokens || !rotation) return cluster;
  const joinTokens = {
    worker: rotation.workerJoinToken ? `${tokens.worker}z` : tokens.worker,
    manager: rotation.managerJoinToken ? `${tokens.manager}z` : tokens.manager,
  };
  return { ...cluster, rootCa: { ...cluster.rootCa, joinTokens } };
}

interface Filtered {
  readonly filters?: { readonly names: readonly string[]; readonly idPrefixes: readonly string[] };
}

function fits({ filters }: Filtered, id: string, name: string): boolean {
  if (!filters) return true;
  return (
    (filters.names.length === 0 || filters.names.some((one) => one.toLowerCase() === name.toLowerCase())) &&
    (filters.idPrefixes.length === 0 || filters.idPrefixes.some((prefix) => id.startsWith(prefix)))
  );
}

export function selfMadeCredentials(): ServerCredentials {
  const subject = { organization: "test", organizationalUnit: "swarm-manager", commonName: "peer", dnsNames: ["peer"] };
  return serverCredentials(selfSignedCertificate(subject, Date.now()));
}
