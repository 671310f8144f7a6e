/**
 * The network of a node's tasks: sandboxes, rows, names. The agent's worker says which task is how far; this brings the kernel,
 * the other nodes and the resolver along, in the order in which no packet meets a half-built path.
 */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { PortConfig_PublishMode, type PortStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import { EndpointState } from "../../api/generated/tswarm/v1/link.js";
import type { EndpointDirectory } from "../cluster-view.js";
import { TaskError, type TaskSandbox } from "../executor/executor.js";
import type { TaskNetwork } from "../worker/task-network.js";
import { bareAddress } from "./address-family.js";
import type { DataPlaneClient } from "./data-plane-client.js";
import type { DataPlaneFacts, DataPlaneProblem, IngressFacts } from "./data-plane-protocol.js";
import { endpointId, ingressEndpoint, type RowOwner, taskEndpoints } from "./endpoint-rows.js";
import { GatheredWrites } from "./gathered-writes.js";
import { ipv6Hindrance } from "./ipv6-carriage.js";
import { type LocalTask, type PublishedPort, readTask } from "./local-task.js";
import { type NetworkFacts, readNetwork } from "./network-facts.js";
import { type LocalNetworkState, NetworkStateFile } from "./network-state-file.js";
import { hostsFile, resolvConf } from "./task-files.js";

/** The resolver inside sandboxes. */
export interface SandboxNames {
  add(sandbox: {
    readonly task: LocalTask;
    readonly namespacePath: string;
    readonly networks: readonly NetworkFacts[];
  }): Promise<void>;
  remove(taskId: string): Promise<void>;
}

export interface AgentNetworkOptions {
  readonly owner: RowOwner;
  readonly stateDir: string;
  readonly dataPlane: DataPlaneClient;
  readonly facts: DataPlaneFacts;
  readonly directory: EndpointDirectory;
  readonly names: SandboxNames;
  /** Path of a sandbox's namespace file. */
  readonly namespacePath: (sandboxId: string) => string;
  /** Those of the ports that nobody in the sandbox listens at. */
  readonly silentPorts: (sandboxId: string, ports: readonly PublishedPort[]) => readonly PublishedPort[];
  /** Fills in the placeholders of a task. @throws TaskError */
  readonly expand: (task: Task) => Task;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: (line: string) => void;
}

/** How long a task waits for the other nodes to take its row in. */
const CONNECT_DEADLINE_MS = 1000;
const ACTIVATE_DEADLINE_MS = 1000;
const DRAIN_DEADLINE_MS = 5000;
/** How long a task may take until it listens at its published ports, and the pauses between two looks. */
const LISTEN_DEADLINE_MS = 5000;
const LISTEN_FIRST_PAUSE_MS = 5;
const LISTEN_PAUSE_MS = 40;
const ROWS_WRITE_DELAY_MS = 500;

interface Attached {
  readonly task: LocalTask;
  readonly state?: EndpointState;
}

export class AgentNetwork implements TaskNetwork {
  readonly #options: AgentNetworkOptions;
  readonly #file: NetworkStateFile;
  readonly #records: GatheredWrites;
  readonly #tasks = new Map<string, Attached>();
  readonly #networks = new Map<string, NetworkFacts>();
  #ingress: IngressFacts | undefined;
  #revision = 0;
  #rowsTimer: NodeJS.Timeout | undefined;
  #endChanges: () => void = () => {};

  constructor(options: AgentNetworkOptions) {
    this.#options = options;
    this.#file = new NetworkStateFile(`${options.stateDir}/network`);
    this.#records = new GatheredWrites(() => this.#file.writeLocal(this.#local));
  }

  /** Takes up what an earlier run left: sandboxes, rows, resolvers. */
  async start(): Promise<void> {
    const { directory, dataPlane } = this.#options;
    this.#endChanges = directory.onChange((update) => {
      const { revision } = update;
      this.#change(dataPlane.change({ kind: "rows", update }), (problems) => {
        // A row that the kernel refused is tried again by the data plane; a drain must not wait for it for ever.
        this.#report(problems);
        if (revision > 0) directory.applied(revision);
      });
      this.#scheduleRowsWrite();
    });
    const rows = this.#file.readRows();
    if (rows) directory.restore?.(rows);
    const local = this.#file.readLocal();
    this.#learnNetworks(local.networks);
    if (local.ingress) this.#useIngress(local.ingress);
    for (const stored of local.tasks) this.#restoreTask(stored);
    this.#subscribe();
    this.#report(await dataPlane.change({ kind: "restored" }));
    await Promise.all([...this.#tasks.values()].map(({ task }) => this.#addNames(task)));
  }

  async stop(): Promise<void> {
    this.#endChanges();
    clearTimeout(this.#rowsTimer);
    this.#writeRows();
    await this.#record();
    await Promise.all([...this.#tasks.keys()].map((id) => this.#options.names.remove(id)));
  }

  /** The cluster's picture of this node changed: its address on the ingress network comes with it. */
  onNode(node: Node): void {
    for (const attachment of node.attachments) {
      const address = attachment.addresses[0];
      if (!attachment.network?.spec?.ingress || !address) continue;
      const facts = readNetwork(attachment.network);
      const addressPrefix = address.includes("/")
        ? address
        : `${address}${facts.subnet.slice(facts.subnet.indexOf("/"))}`;
      this.#learnNetworks([facts]);
      if (this.#ingress?.networkId === facts.id && this.#ingress.addressPrefix === addressPrefix) return;
      this.#useIngress({ networkId: facts.id, addressPrefix });
      this.#subscribe();
      void this.#record();
    }
  }

  async connect(assigned: Task): Promise<TaskSandbox> {
    const { dataPlane, facts, namespacePath, expand } = this.#options;
    const task = expand(assigned);
    const { task: local, networks } = readTask(task);
    if (facts.packetFilter === "none") {
      throw new TaskError(`this node has no working packet filter: ${facts.packetFilterReasons.join("; ")}`, true);
    }
    if (facts.loadBalancer === "none" && local.attachments.length > 0) {
      throw new TaskError(`this node cannot balance load: ${facts.loadBalancerReasons.join("; ")}`, true);
    }
    for (const network of networks) {
      const hindrance = network.subnet6 && ipv6Hindrance(network, facts);
      if (hindrance)
        throw new TaskError(`this node cannot carry the IPv6 of network ${network.name}: ${hindrance}`, true);
    }
    this.#learnNetworks(networks);
    const known = this.#tasks.get(local.id);
    this.#tasks.set(local.id, { task: local, state: known?.state ?? EndpointState.ENDPOINT_CONNECTED });
    this.#subscribe();
    // Nothing is started in a sandbox that the next agent would take for unwanted.
    const [found] = await Promise.all([dataPlane.change({ kind: "task", task: local }), this.#records.request()]);
    const problems = found.filter(
      (problem) => problem.place === local.id || local.attachments.some((one) => one.networkId === problem.place),
    );
    if (problems.length > 0) {
      throw new TaskError(
        `the sandbox of ${local.name} could not be made: ${problems.map((one) => one.text).join("; ")}`,
        false,
      );
    }
    await this.#addNames(local);
    if (known?.state !== EndpointState.ENDPOINT_ACTIVE) {
      await this.#publish(local.id, EndpointState.ENDPOINT_CONNECTED, CONNECT_DEADLINE_MS);
    }
    return {
      namespacePath: namespacePath(local.id),
      hostname: local.hostname,
      resolvConf: resolvConf(task),
      hosts: hostsFile(task, local.hostname, ownAddresses(local)),
    };
  }

  async activate(task: Task): Promise<void> {
    if (this.#tasks.get(task.id)?.state === EndpointState.ENDPOINT_ACTIVE) return;
    await this.#untilListening(task.id);
    // Whoever withdrew it meanwhile has the last word.
    if (this.#tasks.get(task.id)?.state !== EndpointState.ENDPOINT_CONNECTED) return;
    await this.#publish(task.id, EndpointState.ENDPOINT_ACTIVE, ACTIVATE_DEADLINE_MS);
  }

  async drain(task: Task): Promise<void> {
    if (this.#tasks.get(task.id)?.state !== EndpointState.ENDPOINT_ACTIVE) return;
    await this.#publish(task.id, EndpointState.ENDPOINT_DRAINING, DRAIN_DEADLINE_MS);
  }

  withdraw(taskId: string): void {
    const attached = this.#tasks.get(taskId);
    if (!attached || attached.state === undefined) return;
    this.#tasks.set(taskId, { task: attached.task });
    for (const { networkId } of attached.task.attachments)
      this.#options.directory.withdraw(endpointId(taskId, networkId));
    void this.#record();
  }

  async release(taskId: string): Promise<void> {
    if (!this.#tasks.has(taskId)) return;
    this.withdraw(taskId);
    await this.#options.names.remove(taskId);
    this.#tasks.delete(taskId);
    void this.#record();
    this.#report(await this.#options.dataPlane.change({ kind: "task-gone", taskId }));
    this.#subscribe();
  }

  portStatus(task: Task): PortStatus | undefined {
    const ports = (task.endpoint?.ports ?? []).filter((port) => port.publishMode === PortConfig_PublishMode.HOST);
    return ports.length === 0 ? undefined : { ports };
  }

  /** Releases the sandboxes of tasks that the worker does not know any more. */
  async keepOnly(taskIds: ReadonlySet<string>): Promise<void> {
    await Promise.all([...this.#tasks.keys()].filter((id) => !taskIds.has(id)).map((id) => this.release(id)));
  }

  get networks(): ReadonlyMap<string, NetworkFacts> {
    return this.#networks;
  }

  get tasks(): readonly LocalTask[] {
    return [...this.#tasks.values()].map((attached) => attached.task);
  }

  #restoreTask(stored: Attached): void {
    const { task, state } = stored;
    this.#tasks.set(task.id, stored);
    this.#change(this.#options.dataPlane.change({ kind: "task", task }), (problems) => this.#report(problems));
    if (state === undefined) return;
    for (const endpoint of taskEndpoints(task, state, this.#nextRevision(), this.#options.owner)) {
      void this.#options.directory.publish(endpoint, 0);
    }
  }

  async #publish(taskId: string, state: EndpointState, deadlineMs: number): Promise<void> {
    const attached = this.#tasks.get(taskId);
    if (!attached) throw new TaskError(`task ${taskId} has no sandbox`, false);
    this.#tasks.set(taskId, { task: attached.task, state });
    const rows = taskEndpoints(attached.task, state, this.#nextRevision(), this.#options.owner);
    const published = rows.map((row) => this.#options.directory.publish(row, deadlineMs));
    await Promise.all([...published, this.#records.request()]);
  }

  /**
   * Waits until the task listens at the ports that it publishes: a process that has started does not serve yet, and requests that are led
   * to it would be refused. One that never listens is put in rotation all the same, as it is without this look.
   */
  async #untilListening(taskId: string): Promise<void> {
    const deadline = this.#options.now() + LISTEN_DEADLINE_MS;
    for (
      let pauseMs = LISTEN_FIRST_PAUSE_MS;
      this.#options.now() < deadline;
      pauseMs = Math.min(pauseMs * 2, LISTEN_PAUSE_MS)
    ) {
      const attached = this.#tasks.get(taskId);
      if (!attached) return;
      const ports = [...attached.task.ingressPorts, ...attached.task.hostPorts];
      if (ports.length === 0 || this.#options.silentPorts(taskId, ports).length === 0) return;
      await new Promise((wake) => setTimeout(wake, pauseMs));
    }
  }

  #useIngress(ingress: IngressFacts): void {
    const { directory, dataPlane, owner } = this.#options;
    const before = this.#ingress;
    this.#ingress = ingress;
    if (before && before.networkId !== ingress.networkId)
      directory.withdraw(endpointId(owner.nodeId, before.networkId));
    this.#change(dataPlane.change({ kind: "ingress", ingress }), (problems) => this.#report(problems));
    void directory.publish(ingressEndpoint(ingress, this.#nextRevision(), owner), 0);
  }

  #learnNetworks(networks: readonly NetworkFacts[]): void {
    const fresh = networks.filter((facts) => JSON.stringify(this.#networks.get(facts.id)) !== JSON.stringify(facts));
    if (fresh.length === 0) return;
    for (const facts of fresh) this.#networks.set(facts.id, facts);
    this.#change(this.#options.dataPlane.change({ kind: "networks", networks: fresh }), (problems) =>
      this.#report(problems),
    );
  }

  #subscribe(): void {
    const ids = new Set<string>();
    if (this.#ingress) ids.add(this.#ingress.networkId);
    for (const { task } of this.#tasks.values()) for (const { networkId } of task.attachments) ids.add(networkId);
    for (const id of [...this.#networks.keys()]) if (!ids.has(id)) this.#networks.delete(id);
    this.#options.directory.subscribe(ids);
  }

  #addNames(task: LocalTask): Promise<void> {
    const networks = task.attachments.flatMap((one) => this.#networks.get(one.networkId) ?? []);
    return this.#options.names.add({ task, namespacePath: this.#options.namespacePath(task.id), networks });
  }

  #nextRevision(): number {
    this.#revision = Math.max(this.#revision + 1, this.#options.now());
    return this.#revision;
  }

  #change(done: Promise<readonly DataPlaneProblem[]>, then: (problems: readonly DataPlaneProblem[]) => void): void {
    done.then(then, (error: unknown) =>
      this.#options.log(`data plane: ${error instanceof Error ? error.message : error}`),
    );
  }

  #report(problems: readonly DataPlaneProblem[]): void {
    for (const { place, text } of problems) this.#options.log(`data plane, ${place}: ${text}`);
  }

  get #local(): LocalNetworkState {
    return {
      tasks: [...this.#tasks.values()],
      networks: [...this.#networks.values()],
      ...(this.#ingress ? { ingress: this.#ingress } : {}),
    };
  }

  /** For changes that nobody waits for. */
  async #record(): Promise<void> {
    try {
      await this.#records.request();
    } catch (error) {
      this.#options.log(`the state of the node's networks cannot be written: ${(error as Error).message}`);
    }
  }

  #scheduleRowsWrite(): void {
    this.#rowsTimer ??= setTimeout(() => {
      this.#rowsTimer = undefined;
      this.#writeRows();
    }, ROWS_WRITE_DELAY_MS);
  }

  #writeRows(): void {
    const { directory } = this.#options;
    if (directory.snapshot) this.#file.writeRows(directory.snapshot());
  }
}

/** Of the last network, as Docker writes them. */
function ownAddresses({ attachments }: LocalTask): readonly string[] {
  const { addressPrefix, addressPrefix6 } = attachments.at(-1) ?? {};
  return [addressPrefix, addressPrefix6].flatMap((prefix) => (prefix === undefined ? [] : [bareAddress(prefix)]));
}
