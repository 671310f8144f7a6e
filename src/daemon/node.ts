/** A node while it runs: the agent, the manager where the cluster wants one here, and what is known of the cluster. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ManagerList } from "../agent/session/manager-choice.js";
import type { Node } from "../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole, type WeightedPeer } from "../api/generated/docker/swarmkit/v1/types.js";
import { Agent } from "./agent.js";
import type { Underlay } from "./host-facts.js";
import { type ManagerPlace, managerFlags } from "./manager-flags.js";
import { ManagerKeeper } from "./manager-keeper.js";
import { MANAGER_PROGRAM } from "./manager-process.js";
import { type Membership, otherManagers, writeMembership } from "./membership.js";
import { type DaemonOptions, version } from "./options.js";
import { onExpelled, onRole } from "./role.js";
import type { ManagerStart, StartPlan } from "./start-plan.js";
import type { StateDirectory } from "./state-directory.js";

export interface ClusterNodeOptions {
  readonly state: StateDirectory;
  readonly daemon: DaemonOptions;
  readonly plan: StartPlan;
  readonly underlay: Underlay;
  readonly log: (line: string) => void;
  readonly managerLog: (line: string) => void;
  /** The agent cannot go on. */
  readonly onFailure: (reason: string) => void;
}

export class ClusterNode {
  readonly #options: ClusterNodeOptions;
  readonly #managers: ManagerList;
  readonly #keeper: ManagerKeeper;
  #membership: Membership;
  #agent: Agent | undefined;
  /** Version of the node object that was heard last: a manager that lags behind may tell an old one. */
  #nodeVersion = 0;
  /** Changes of the role happen one after the other. */
  #changes: Promise<void> = Promise.resolve();

  constructor(options: ClusterNodeOptions) {
    const { plan, daemon, state, underlay, log, managerLog } = options;
    this.#options = options;
    this.#membership = plan.membership;
    this.#managers = new ManagerList(plan.membership.joinAddresses);
    const place: ManagerPlace = {
      nodeId: state.nodeId,
      stateDir: managerStateDir(state.path),
      underlayAddress: underlay.address,
    };
    this.#keeper = new ManagerKeeper({
      program: MANAGER_PROGRAM,
      flags: (start) => managerFlags(daemon, place, start),
      restart: () => this.#managerStart(),
      onServing: (serving) => this.#managers.setLocal(serving ? daemon.controlSocket : undefined),
      onRemoved: () => {
        this.#dropManagerState();
        this.#remember(onExpelled(this.#membership));
      },
      log,
      managerLog,
    });
  }

  /** @throws Error with one clear line when manager or agent cannot start */
  async start(): Promise<void> {
    const { plan, daemon, state, underlay, log, onFailure } = this.#options;
    if (plan.dropsManagerState) this.#dropManagerState();
    this.#nameManagers();
    if (plan.manager) {
      await this.#keeper.begin(plan.manager);
      if (this.#keeper.isKept)
        log(`managing the cluster: control API at ${daemon.controlSocket}, nodes join at ${daemon.remoteAddress}`);
    }
    // What could not start leaves no trace of what it was told.
    writeMembership(state.path, this.#membership);
    this.#agent = await Agent.start({
      nodeId: state.nodeId,
      runDir: state.runPath,
      daemon,
      underlay,
      managers: this.#managers,
      onNode: (node) => this.#onNode(node),
      onManagers: (managers) => this.#onManagers(managers),
      version: version(),
      log,
      onFailure: (error) => onFailure(`the data plane ended: ${error.message}`),
    });
  }

  /** Lets go of everything; tasks and the kernel's networks go on. */
  async stop(): Promise<void> {
    await this.#agent?.stop();
    await this.#keeper.stop();
    await this.#changes;
  }

  #onManagers(peers: readonly WeightedPeer[]): void {
    const managers = peers.flatMap(({ peer }) => (peer ? [{ nodeId: peer.nodeId, address: peer.addr }] : []));
    managers.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    this.#remember({ ...this.#membership, managers });
  }

  #onNode(node: Node): void {
    const nodeVersion = node.meta?.version?.index ?? 0;
    if (nodeVersion < this.#nodeVersion) return;
    this.#nodeVersion = nodeVersion;
    const [step, membership] = onRole(this.#membership, node.role === NodeRole.MANAGER ? "manager" : "worker");
    this.#remember(membership);
    if (step === "promote") this.#promote();
    if (step === "demote") this.#demote();
  }

  #promote(): void {
    this.#options.log("this node is a manager from now on");
    this.#changes = this.#changes.then(() => {
      if (this.#membership.role === "manager") this.#keeper.promote(this.#managerStart());
    });
  }

  #demote(): void {
    this.#options.log("this node is no manager from now on; its tasks go on");
    this.#changes = this.#changes.then(async () => {
      await this.#keeper.stop();
      if (this.#membership.role === "worker") this.#dropManagerState();
    });
  }

  #managerStart(): ManagerStart {
    return { join: otherManagers(this.#membership, this.#options.state.nodeId), forceNewCluster: false };
  }

  #dropManagerState(): void {
    rmSync(managerStateDir(this.#options.state.path), { recursive: true, force: true });
  }

  #remember(membership: Membership): void {
    const before = this.#membership;
    this.#membership = membership;
    this.#nameManagers();
    if (JSON.stringify(before) !== JSON.stringify(membership)) writeMembership(this.#options.state.path, membership);
  }

  /** The local manager is reached by its socket, the others by address. */
  #nameManagers(): void {
    const others = otherManagers({ ...this.#membership, joinAddresses: [] }, this.#options.state.nodeId);
    this.#managers.setKnown(others);
  }
}

export function managerStateDir(stateDir: string): string {
  return join(stateDir, "manager");
}

export function hasManagerLog(stateDir: string): boolean {
  return existsSync(join(managerStateDir(stateDir), "raft"));
}
