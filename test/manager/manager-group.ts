/** Several managers in this process, over loopback, each with a disk in memory that outlives it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type Metadata, status } from "@grpc/grpc-js";
import type { ExecutionContext } from "ava";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { ControlService } from "../../src/api/generated/docker/swarmkit/v1/control.js";
import type { Cluster, Node } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { NodeSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { Manager } from "../../src/manager/manager.js";
import type { ManagerOptions } from "../../src/manager/manager-options.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";
import { MemoryDisk } from "../raft/disk/memory-disk.js";
import { admit, agentIdentity, LONG_LIVED, sign } from "./admitted-nodes.js";
import { FakeAgent } from "./fake-agent.js";
import { nodeId } from "./test-cluster.js";

const PATIENCE_MS = 60_000;
const LOOK_MS = 10;
// Elections that a busy machine does not disturb.
const RAFT = { tickMs: 100, electionTicks: 10, heartbeatTicks: 1 };

/** A manager's place: what stays when its process ends. */
export class ManagerHost {
  readonly number: number;
  readonly disk = new MemoryDisk();
  readonly dir: string;
  readonly logged: string[] = [];
  readonly #clients: Client[] = [];
  #manager: Manager | undefined;
  #port = 0;
  #isBegun = false;
  removed = false;
  failed: Error | undefined;

  readonly #settings: Partial<ManagerOptions>;

  constructor(number: number, dir: string, settings: Partial<ManagerOptions>) {
    this.#settings = settings;
    this.number = number;
    this.dir = join(dir, `host${number}`);
  }

  get nodeId(): string {
    return nodeId(this.number);
  }

  get socket(): string {
    return join(this.dir, "control.sock");
  }

  get manager(): Manager {
    if (!this.#manager) throw new Error(`manager ${this.number} does not run`);
    return this.#manager;
  }

  get isRunning(): boolean {
    return this.#manager !== undefined;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(options: Partial<ManagerOptions> = {}): Promise<void> {
    this.removed = false;
    const manager = new Manager({
      stateDir: join(this.dir, "state"),
      controlSocket: this.socket,
      remoteAddress: this.address,
      nodeId: this.nodeId,
      ...(options.issue || this.#isBegun ? {} : { bootstrap: LONG_LIVED }),
      disk: this.disk,
      raft: RAFT,
      ...this.#settings,
      onRemoved: () => {
        this.removed = true;
      },
      onFailure: (error) => {
        this.failed = error;
      },
      log: (line) => this.logged.push(line),
      ...options,
    });
    this.#manager = manager;
    try {
      await manager.start();
    } catch (error) {
      this.#manager = undefined;
      throw error;
    }
    this.#port = manager.remotePort ?? this.#port;
    this.#isBegun = true;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    const manager = this.#manager;
    this.#manager = undefined;
    await manager?.stop();
  }

  /** Calls by the control socket. */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    metadata?: Metadata,
  ): Promise<Response> {
    const settings = { timeoutMs: PATIENCE_MS, ...(metadata ? { metadata } : {}) };
    return callUnary(this.#client(), method, request, settings);
  }

  #client(): Client {
    this.#clients[0] ??= openChannel(grpcTarget(this.socket), trustingCredentials(), true);
    return this.#clients[0];
  }

  node(id: string): Node | undefined {
    return this.manager.store.view((read) => read.get("node", id));
  }

  get cluster(): Cluster | undefined {
    return this.manager.store.view((read) => read.all("cluster"))[0];
  }
}

export class ManagerGroup {
  readonly hosts: ManagerHost[] = [];
  readonly agents: FakeAgent[] = [];
  readonly #dir = mkdtempSync(join(tmpdir(), "tsw-managers-"));

  readonly #settings: Partial<ManagerOptions>;

  private constructor(settings: Partial<ManagerOptions>) {
    this.#settings = settings;
  }

  /**
   * @param count managers; the first begins the cluster, the others join it
   * @param settings of each
   */
  static async start(
    t: ExecutionContext,
    count: number,
    settings: Partial<ManagerOptions> = {},
  ): Promise<ManagerGroup> {
    const group = new ManagerGroup(settings);
    t.teardown(() => group.#end());
    await group.add().start();
    for (let i = 1; i < count; i++) await group.join();
    return group;
  }

  add(): ManagerHost {
    const host = new ManagerHost(this.hosts.length + 1, this.#dir, this.#settings);
    this.hosts.push(host);
    return host;
  }

  /** One more manager, that votes. */
  async join(): Promise<ManagerHost> {
    const host = this.add();
    await host.start(await this.joining(host));
    await this.until(`manager ${host.number} votes`, () =>
      this.running.every(({ manager }) =>
        manager.raft!.members().some((member) => member.nodeId === host.nodeId && member.isVoter),
      ),
    );
    return host;
  }

  /** What a host that is to join is started with: its node is let in, and whoever leads signs its certificate. */
  async joining(host: ManagerHost): Promise<Partial<ManagerOptions>> {
    const { manager, address } = await this.leader();
    await admit(manager.store, host.nodeId, NodeRole.MANAGER);
    return {
      join: [address],
      issue: async (csrPem) => sign(manager.store, host.nodeId, NodeRole.MANAGER, csrPem),
    };
  }

  get running(): readonly ManagerHost[] {
    return this.hosts.filter(({ isRunning }) => isRunning);
  }

  /** Waits for a manager that leads and does a leader's work. */
  async leader(): Promise<ManagerHost> {
    await this.until("somebody leads", () => this.running.some(({ manager }) => manager.isLeading));
    return this.running.find(({ manager }) => manager.isLeading)!;
  }

  async followers(): Promise<readonly ManagerHost[]> {
    const leader = await this.leader();
    await this.until("all know who leads", () =>
      this.running.every(({ manager }) => manager.raft?.leadership.leader === leader.manager.raft?.id),
    );
    return this.running.filter((host) => host !== leader);
  }

  async agent(number: number, host: ManagerHost): Promise<FakeAgent> {
    const id = nodeId(number);
    const { store } = (await this.leader()).manager;
    await admit(store, id, NodeRole.WORKER);
    const agent = new FakeAgent(host.address, id, `host${number}`, agentIdentity(store, id).channelCredentials());
    this.agents.push(agent);
    await agent.start();
    return agent;
  }

  /** Changes a node by a manager, again when something else has changed it meanwhile. */
  async updateNode(by: ManagerHost, id: string, change: (spec: NodeSpec) => NodeSpec): Promise<void> {
    for (;;) {
      const { node } = await by.call(ControlService.getNode, { nodeId: id });
      const request = { nodeId: id, nodeVersion: node?.meta?.version, spec: change(node!.spec!) };
      try {
        await by.call(ControlService.updateNode, request);
        return;
      } catch (error) {
        if ((error as { code: status }).code !== status.UNKNOWN) throw error;
      }
    }
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const giveUpAt = Date.now() + PATIENCE_MS;
    while (!holds()) {
      if (Date.now() > giveUpAt) {
        const logs = this.hosts.flatMap(({ number, logged }) => logged.map((line) => `${number}: ${line}`));
        throw new Error(`it never came to this: ${what}\n${logs.join("\n")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #end(): Promise<void> {
    for (const agent of this.agents) agent.stop();
    await Promise.all(this.hosts.map((host) => host.stop()));
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
