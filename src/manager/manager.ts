/** A manager: store, reconcilers, and the gRPC services on the control socket and the remote port. */
import { randomBytes } from "node:crypto";
import { networkInterfaces } from "node:os";
import { Server } from "@grpc/grpc-js";
import { ControlService } from "../api/generated/docker/swarmkit/v1/control.js";
import { DispatcherService } from "../api/generated/docker/swarmkit/v1/dispatcher.js";
import { HealthService } from "../api/generated/docker/swarmkit/v1/health.js";
import { InspectorService } from "../api/generated/tswarm/v1/link.js";
import { SERVER_OPTIONS } from "../api/transport-options.js";
import { DeclaredIdentity } from "../security/identity.js";
import { serverCredentials } from "../security/transport.js";
import { type Clock, systemClock } from "../store/clock.js";
import type { RandomBytes } from "../store/object-id.js";
import { MemoryProposer } from "../store/proposer.js";
import { Store } from "../store/store.js";
import { Allocator } from "./allocator/allocator.js";
import { bootstrapCluster, subnetSources } from "./bootstrap.js";
import { controlService } from "./control/control-service.js";
import { clusterPorts } from "./control/validation/endpoint-spec.js";
import { Dispatcher } from "./dispatcher/dispatcher.js";
import { healthService } from "./health.js";
import { Inspector } from "./link/inspector.js";
import { LinkService } from "./link/link-service.js";
import { listenTcp, listenUnix } from "./listener.js";
import { ControlLoop } from "./loop/control-loop.js";
import { ServiceOrchestrator } from "./orchestrator/service-orchestrator.js";
import { Scheduler } from "./scheduler/scheduler.js";
import { loadCertifiedKey } from "./state-directory.js";

export interface ManagerOptions {
  readonly stateDir: string;
  /** Path of the unix socket of the Control API. */
  readonly controlSocket: string;
  /** Where nodes connect to, "0.0.0.0:4242"; absent: only over the control socket. Port 0 takes any. */
  readonly remoteAddress?: string;
  /** What nodes are told to connect to, "10.0.0.1:4242"; absent: an address of this host with the remote port. */
  readonly advertiseAddress?: string;
  /** The node that this manager belongs to. */
  readonly nodeId: string;
  /** UDP port of VXLAN. */
  readonly dataPathPort?: number;
  readonly heartbeatPeriodMs?: number;
  readonly clock?: Clock;
  readonly random?: RandomBytes;
  readonly log: (line: string) => void;
}

export const DEFAULT_DATA_PATH_PORT = 4789;
const DEFAULT_HEARTBEAT_MS = 5000;
const DEFAULT_REMOTE_PORT = 4242;
const SHUTDOWN_TIMEOUT_MS = 500;

interface Running {
  readonly store: Store;
  readonly loop: ControlLoop;
  readonly dispatcher: Dispatcher;
  readonly links: LinkService;
  readonly servers: readonly Server[];
  readonly remotePort: number | undefined;
}

export class Manager {
  readonly #options: ManagerOptions;
  #running: Running | undefined;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** @throws ManagerStartError with one clear line; nothing is left open then */
  async start(): Promise<void> {
    if (this.#running) throw new Error("the manager runs already");
    const { clock = systemClock, random = randomBytes, log, nodeId, stateDir } = this.#options;
    const { dataPathPort = DEFAULT_DATA_PATH_PORT, heartbeatPeriodMs = DEFAULT_HEARTBEAT_MS } = this.#options;
    const credentials = serverCredentials(loadCertifiedKey(stateDir, nodeId, clock.now()));
    const store = new Store(new MemoryProposer(), clock);
    await bootstrapCluster(store, random, { heartbeatPeriodMs, dataPathPort });
    const remotePort = portOf(this.#options.remoteAddress ?? "") || DEFAULT_REMOTE_PORT;
    const context = { store, clock, random, clusterPorts: clusterPorts(remotePort, dataPathPort), log };
    const identity = new DeclaredIdentity(nodeId);
    const managerAddress = this.#options.advertiseAddress ?? advertised(this.#options.remoteAddress, remotePort);
    const dispatcher = new Dispatcher({ store, clock, random, identity, managerNodeId: nodeId, managerAddress, log });
    const links = new LinkService({ store, clock, identity, log });
    const loop = new ControlLoop(
      store,
      clock,
      [
        new ServiceOrchestrator({ store, clock, random }),
        new Allocator({ store, clock, subnetSources: subnetSources(store), log }),
        new Scheduler(store, clock),
      ],
      log,
    );
    const local = new Server(SERVER_OPTIONS);
    const remote = this.#options.remoteAddress === undefined ? undefined : new Server(SERVER_OPTIONS);
    const servers = remote ? [local, remote] : [local];
    // Only who may open the socket's file may steer the cluster.
    local.addService(ControlService, controlService(context));
    local.addService(
      HealthService,
      healthService(() => this.#running !== undefined, log),
    );
    local.addService(InspectorService, new Inspector(store, links, log).service());
    for (const server of servers) {
      server.addService(DispatcherService, dispatcher.service());
      const { definition, implementation } = links.service();
      server.addService(definition, implementation);
    }
    dispatcher.start();
    links.start();
    loop.start();
    try {
      await listenUnix(local, this.#options.controlSocket, credentials);
      const port = remote && (await listenTcp(remote, this.#options.remoteAddress!, credentials));
      this.#running = { store, loop, dispatcher, links, servers, remotePort: port };
    } catch (error) {
      await stop({ store, loop, dispatcher, links, servers, remotePort: undefined });
      throw error;
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running) await stop(running);
  }

  /** The port that nodes connect to. */
  get remotePort(): number | undefined {
    return this.#running?.remotePort;
  }

  /** The cluster's objects. */
  get store(): Store {
    if (!this.#running) throw new Error("the manager does not run");
    return this.#running.store;
  }

  /** Resolves when the reconcilers have nothing to do until something changes or time passes. */
  async idle(): Promise<void> {
    await this.#running?.loop.idle();
  }
}

async function stop({ loop, dispatcher, links, servers }: Running): Promise<void> {
  await loop.stop();
  dispatcher.stop();
  links.stop();
  await Promise.all(servers.map(shutDown));
}

/** Lets calls end, but not for long. */
function shutDown(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, SHUTDOWN_TIMEOUT_MS);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** An address that others can reach: the one listened on, or for "all of them" the first of this host. */
function advertised(remoteAddress: string | undefined, port: number): string {
  const host = remoteAddress?.slice(0, remoteAddress.lastIndexOf(":")) ?? "";
  if (host !== "" && host !== "0.0.0.0" && host !== "[::]") return `${host}:${port}`;
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  return `${own?.address ?? "127.0.0.1"}:${port}`;
}
