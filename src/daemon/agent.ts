/** The agent of a node, put together: data plane, rows, names, tasks, and the way to a manager. */
import { hostname } from "node:os";
import { namespacePath } from "../../netns/index.js";
import { sandboxNamespace } from "../../overlay/names.js";
import { NameServer } from "../agent/dns/name-server.js";
import type { Executor } from "../agent/executor/executor.js";
import { ProcessExecutor } from "../agent/executor/process/process-executor.js";
import { LinkClient } from "../agent/link/link-client.js";
import { RelayDirectory } from "../agent/link/relay-directory.js";
import { LogListener } from "../agent/logs/log-listener.js";
import { OutputRecorder } from "../agent/logs/output-recorder.js";
import { AgentNetwork } from "../agent/network/agent-network.js";
import { DataPlaneClient } from "../agent/network/data-plane-client.js";
import type { DataPlaneFacts, LoadBalancerChoice, PacketFilterChoice } from "../agent/network/data-plane-protocol.js";
import { type AnswersByName, dnsItems } from "../agent/network/dns-items.js";
import { ipv6Hindrance, ipv6Support } from "../agent/network/ipv6-carriage.js";
import { silentPorts } from "../agent/network/listening-ports.js";
import { DispatcherSession } from "../agent/session/dispatcher-session.js";
import type { ManagerList } from "../agent/session/manager-choice.js";
import { Managers } from "../agent/session/managers.js";
import { describeNode } from "../agent/session/node-description.js";
import { expandTask, type TemplateNode } from "../agent/task-template.js";
import { systemClock } from "../agent/worker/clock.js";
import { Worker } from "../agent/worker/worker.js";
import type { Node } from "../api/generated/docker/swarmkit/v1/objects.js";
import type { NodeDescription, NodeTLSInfo, WeightedPeer } from "../api/generated/docker/swarmkit/v1/types.js";
import { IPV6_LABEL, LOAD_BALANCER_LABEL, PACKET_FILTER_LABEL, TUNNEL_ADDRESS_LABEL } from "../api/node-labels.js";
import type { TlsIdentity } from "../security/tls/tls-identity.js";
import type { Underlay } from "./host-facts.js";

/** The gateway bridge in the host's namespace. */
export const BRIDGE_NAME = "tswarm0";
const LOOK_INTERVAL_MS = 4000;

export interface AgentSettings {
  readonly stateDir: string;
  readonly hostname: string;
  /** Of the whole cluster. */
  readonly dataPathPort: number;
  readonly loadBalancer: LoadBalancerChoice;
  readonly packetFilter: PacketFilterChoice;
}

export interface AgentOptions {
  readonly nodeId: string;
  /** Of this agent. */
  readonly identity: TlsIdentity;
  /** What the node says of its certificates. */
  readonly tlsInfo: () => NodeTLSInfo;
  /** A folder in memory. */
  readonly runDir: string;
  readonly settings: AgentSettings;
  readonly underlay: Underlay;
  /** Whoever starts the agent keeps it up to date. */
  readonly managers: ManagerList;
  /** The node as the managers see it. */
  readonly onNode: (node: Node) => void;
  readonly onManagers: (managers: readonly WeightedPeer[]) => void;
  /** PEM: the roots that the cluster trusts. */
  readonly onRoots: (rootPem: string) => void;
  /** A dispatcher knows the node, or does not any more. */
  readonly onRegistered: (registered: boolean) => void;
  /** Why none does. */
  readonly onBroken: (reason: string) => void;
  readonly version: string;
  readonly log: (line: string) => void;
  /** The data plane cannot go on. */
  readonly onFailure: (error: Error) => void;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #dataPlane: DataPlaneClient;
  readonly #managers: Managers;
  readonly #names: NameServer;
  readonly #directory: RelayDirectory;
  readonly #network: AgentNetwork;
  readonly #executor: ProcessExecutor;
  readonly #worker: Worker;
  readonly #session: DispatcherSession;
  readonly #link: LinkClient;
  readonly #outputs: OutputRecorder;
  readonly #logs: LogListener;

  /** @throws Error with one clear line when the kernel lacks what a node needs */
  static async start(options: AgentOptions): Promise<Agent> {
    const { settings, underlay, nodeId, log } = options;
    const { client, facts } = await DataPlaneClient.start(
      {
        nodeId,
        stateDir: settings.stateDir,
        vxlanPort: settings.dataPathPort,
        underlayMtu: underlay.mtu,
        bridgeName: BRIDGE_NAME,
        loadBalancer: settings.loadBalancer,
        packetFilter: settings.packetFilter,
        lookIntervalMs: LOOK_INTERVAL_MS,
      },
      log,
      options.onFailure,
    );
    log(
      `load balancer ${facts.loadBalancer}, packet filter ${facts.packetFilter}, overlays by ${underlay.address} (${underlay.linkName})`,
    );
    for (const reason of [...facts.loadBalancerReasons, ...facts.packetFilterReasons]) log(`not used: ${reason}`);
    const hindrance = ipv6Hindrance({}, facts);
    if (hindrance) log(`no IPv6 on overlays: ${hindrance}`);
    const agent = new Agent(options, client, facts);
    await agent.#begin();
    return agent;
  }

  private constructor(options: AgentOptions, dataPlane: DataPlaneClient, facts: DataPlaneFacts) {
    const { nodeId, settings, underlay, log } = options;
    this.#options = options;
    this.#dataPlane = dataPlane;
    const owner = { nodeId, tunnelAddress: underlay.address };
    this.#directory = new RelayDirectory({ ...owner, hostname: settings.hostname }, async (request) => {
      const result = await dataPlane.observe(request);
      const answers: AnswersByName["answers"] = (...question) => this.#names.answers(...question);
      const known = { networks: this.#network.networks, answers };
      const names = dnsItems(this.#directory.view(), known, facts.balancesIpv6, request);
      return { ...result, items: [...result.items, ...names] };
    });
    this.#names = new NameServer({ directory: this.#directory, balancesIpv6: facts.balancesIpv6, log });
    const templateNode = this.#templateNode();
    this.#network = new AgentNetwork({
      owner,
      stateDir: settings.stateDir,
      dataPlane,
      facts,
      directory: this.#directory,
      names: this.#names,
      namespacePath: (sandboxId) => namespacePath(sandboxNamespace(nodeId, sandboxId)),
      silentPorts: (sandboxId, ports) => silentPorts(sandboxNamespace(nodeId, sandboxId), ports),
      expand: (task) => expandTask(task, templateNode),
      now: Date.now,
      log,
    });
    this.#executor = new ProcessExecutor({ stateDir: settings.stateDir, runDir: options.runDir, nodeId, log });
    this.#worker = new Worker({
      stateDir: settings.stateDir,
      executors: [withTemplates(this.#executor, templateNode)],
      network: this.#network,
      report: (taskId, status) => {
        this.#session.report(taskId, status);
        this.#logs.tasksChanged();
      },
      log,
    });
    this.#managers = new Managers({
      identity: options.identity,
      list: options.managers,
      random: Math.random,
      now: systemClock.steady,
      onSilent: (address) => this.#link.leave(address),
    });
    this.#session = new DispatcherSession({
      connect: () => this.#managers.session(),
      describe: () => this.#describe(facts),
      assignments: this.#worker,
      onNode: (node) => {
        this.#network.onNode(node);
        options.onNode(node);
      },
      onManagers: options.onManagers,
      onRootCa: (roots) => options.onRoots(Buffer.from(roots).toString()),
      onRegistered: (registered) => {
        const { sessionAddress } = this.#managers;
        if (registered && sessionAddress !== undefined) this.#logs.follow(sessionAddress);
        options.onRegistered(registered);
      },
      onBroken: options.onBroken,
      log,
    });
    this.#link = new LinkClient({
      directory: this.#directory,
      open: () => this.#managers.link(),
      random: Math.random,
      log,
    });
    const { outputFolder, keptOutputBytes } = this.#executor;
    this.#outputs = new OutputRecorder({ folder: outputFolder, keptBytes: keptOutputBytes, log });
    this.#logs = new LogListener({
      nodeId,
      connect: () => this.#managers.logBroker(),
      tasks: () => this.#worker.tasks(),
      outputs: this.#outputs,
      clock: systemClock,
      random: Math.random,
      log,
    });
  }

  /** What the node says of itself may have changed. */
  describeAnew(): void {
    this.#session.describeAnew();
  }

  /** Lets go of everything; tasks and the kernel's networks go on. */
  async stop(): Promise<void> {
    this.#session.stop();
    this.#link.stop();
    await this.#logs.stop();
    await this.#worker.stop();
    await this.#network.stop();
    await this.#names.stop();
    await this.#executor.stop();
    await this.#outputs.stop();
    this.#directory.close();
    await this.#dataPlane.stop();
    this.#managers.close();
  }

  async #begin(): Promise<void> {
    await this.#network.start();
    this.#executor.start();
    await this.#outputs.start();
    await this.#worker.start();
    await this.#network.keepOnly(new Set(this.#worker.tasks().map((task) => task.id)));
    this.#session.start();
    this.#link.start();
  }

  #describe(facts: DataPlaneFacts): NodeDescription {
    return describeNode({
      hostname: this.#options.settings.hostname,
      engineVersion: this.#options.version,
      engineLabels: {
        [LOAD_BALANCER_LABEL]: facts.loadBalancer,
        [PACKET_FILTER_LABEL]: facts.packetFilter,
        [IPV6_LABEL]: ipv6Support(facts),
        [TUNNEL_ADDRESS_LABEL]: this.#options.underlay.address,
      },
      runtimes: [this.#executor.runtime],
      plugins: [{ type: "Network", name: "overlay" }],
      tlsInfo: this.#options.tlsInfo(),
    });
  }

  #templateNode(): TemplateNode {
    const { platform } = describeNode({ engineVersion: "", engineLabels: {}, runtimes: [] });
    return {
      id: this.#options.nodeId,
      hostname: this.#options.settings.hostname || hostname(),
      architecture: platform?.architecture ?? "",
      os: platform?.os ?? "",
    };
  }
}

/** The executor gets tasks with their placeholders filled in. */
function withTemplates(executor: Executor, node: TemplateNode): Executor {
  return {
    runtime: executor.runtime,
    controller: (task, payloads) => executor.controller(expandTask(task, node), payloads),
    list: () => executor.list(),
    purge: (taskId) => executor.purge(taskId),
  };
}
