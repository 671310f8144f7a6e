/** Managers and nodes of a simulated cluster, and the operator who takes them in and out. */
import { NodeRole } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { newNode } from "../../src/manager/new-node.js";
import type { JoinResult, Member } from "../../src/raft/node/raft.js";
import { Cluster } from "../simulation/cluster.js";
import { SeededRandom } from "../simulation/random.js";
import type { Manager, SimulatedHost } from "../simulation/simulated-host.js";
import { AgentHost, describeNode } from "./agent-host.js";
import type { ClusterPlan } from "./cluster-plan.js";
import type { ClusterWorld } from "./cluster-world.js";
import type { SimulatedManager } from "./simulated-manager.js";

const OPERATOR_INTERVAL_MS = 500;

export class Swarm extends Cluster {
  readonly nodes: AgentHost[] = [];
  readonly #world: ClusterWorld;
  readonly #random: SeededRandom;
  readonly #swarmkit: number;
  /** Nodes that are switched off for good, to be removed. */
  readonly #leaving = new Set<string>();
  #count = 0;

  constructor(world: ClusterWorld, plan: ClusterPlan) {
    super(world, plan.managers);
    this.#world = world;
    this.#random = new SeededRandom(plan.seed, "swarm");
    this.#swarmkit = plan.swarmkit;
    for (let n = 0; n < plan.agents; n++) this.addNode();
    this.#tend();
  }

  nodeAt(number: number): AgentHost {
    return this.nodes[number % this.nodes.length]!;
  }

  /** The parts of a manager that runs, whichever. */
  managerAt(number: number): SimulatedManager | undefined {
    const managers = this.managers();
    return managers.length === 0 ? undefined : this.#world.partsOf(managers[number % managers.length]!);
  }

  leading(): SimulatedManager | undefined {
    const leader = this.leader();
    return leader && this.#world.partsOf(leader);
  }

  addNode(): void {
    const name = `w${++this.#count}`;
    this.#start(name, `node-${name}`);
  }

  /** The node is off for good, and somebody removes it. */
  retireNode(node: AgentHost): void {
    node.end();
    this.#leaving.add(node.nodeId);
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  override heal(): void {
    super.heal();
    for (const node of this.nodes) {
      node.losing = 0;
      node.machine.unpause();
      node.machine.setClockRate(1);
      node.start();
    }
  }

  /** As after a certificate was signed: the node is known as a manager's before its manager asks to be taken in. */
  protected override async takeIn(leader: Manager, host: SimulatedHost): Promise<JoinResult> {
    await leader.store.update((tx) => {
      const known = tx.get("node", host.nodeId);
      const [cluster] = tx.all("cluster");
      const node = newNode(host.nodeId, NodeRole.MANAGER, cluster);
      if (!known) tx.create("node", node);
      else if (known.spec?.desiredRole !== NodeRole.MANAGER) {
        tx.update("node", { ...known, spec: { ...known.spec!, desiredRole: NodeRole.MANAGER } });
      }
    });
    return super.takeIn(leader, host);
  }

  /** As by `tsctl node demote`: the leader does the rest. */
  protected override async takeOut(leader: Manager, { nodeId }: Member): Promise<void> {
    const node = leader.store.view((read) => read.get("node", nodeId));
    if (!node?.spec || node.spec.desiredRole === NodeRole.WORKER) return;
    const spec = { ...node.spec, desiredRole: NodeRole.WORKER };
    await this.#world.partsOf(leader).ask("updateNode", { nodeId, nodeVersion: node.meta?.version, spec });
  }

  #start(name: string, nodeId: string): void {
    const kind = this.#random.chance(this.#swarmkit) ? "swarmkit" : "tswarm";
    const told = this.hosts.filter(({ hasRun, name: of }) => hasRun || of === "m1").map((host) => host.name);
    const node = new AgentHost(this.#world, name, nodeId, kind, describeNode(name, this.#random), told);
    this.nodes.push(node);
    node.startLater(this.#random.between(0, 2000));
  }

  /** Agents beside managers come and go with them; nodes that are off for good are removed. */
  #tend(): void {
    this.time.after(OPERATOR_INTERVAL_MS, () => {
      this.#tend();
      for (const { name, nodeId, hasRun } of this.hosts) {
        if (hasRun && !this.nodes.some((node) => node.nodeId === nodeId)) this.#start(name, nodeId);
      }
      const isManaged = ({ name, nodeId }: AgentHost) =>
        name.startsWith("w") || this.hosts.some((host) => host.nodeId === nodeId);
      for (const node of this.nodes.filter((one) => !isManaged(one))) this.retireNode(node);
      this.#removeOne();
    });
  }

  #removeOne(): void {
    const leader = this.leader();
    if (!leader) return;
    for (const nodeId of this.#leaving) {
      const known = leader.store.view((read) => read.get("node", nodeId));
      const isMember = leader.raft.members().some((member) => member.nodeId === nodeId);
      if (!known || isMember) continue;
      // It may have registered at the last moment: it is asked for again.
      this.#world
        .partsOf(leader)
        .ask("removeNode", { nodeId, force: true })
        .catch(() => undefined);
      return;
    }
  }
}
