/** The orchestrators in a world of fake nodes: a store, a clock, one leader after the other. All of it goes by one seed. */
import { Node, Service, type Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  type ServiceSpec,
} from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  NodeStatus_State as NodeState,
  TaskState,
  type TaskStatus,
  UpdateStatus_UpdateState as UpdateState,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { timestampOf } from "../../src/api/time.js";
import { ControlLoop } from "../../src/manager/loop/control-loop.js";
import { nextJobStatus } from "../../src/manager/orchestrator/job-status.js";
import { ServiceOrchestrator } from "../../src/manager/orchestrator/service-orchestrator.js";
import { hasEnded, stateOf, statusAt } from "../../src/manager/task-life.js";
import { newObjectId } from "../../src/store/object-id.js";
import { MemoryProposer } from "../../src/store/proposer.js";
import { Store } from "../../src/store/store.js";
import { ManualClock } from "../manager/manual-clock.js";
import { SeededRandom } from "../simulation/random.js";
import { FakeNode } from "./fake-node.js";
import { placeAll } from "./placer.js";
import type { Temper } from "./temper.js";

const SILENCE_MS = 15_000;

export class World {
  readonly random: SeededRandom;
  readonly clock = new ManualClock();
  readonly store = new Store(new MemoryProposer(), this.clock);
  readonly nodes = new Map<string, FakeNode>();
  /** Tasks that were alive on a node that was given up: nobody can know whether they run. */
  readonly excused = new Set<string>();
  readonly defects: string[] = [];
  readonly told: string[] = [];
  leaders = 0;
  #loop: ControlLoop | undefined;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Everything that happens, for people. */
  tell(line: string): void {
    this.told.push(`${((this.clock.now() - Date.UTC(2026, 0, 1)) / 1000).toFixed(1)} s: ${line}`);
  }

  /** A manager takes over: it knows what the store knows. */
  async lead(): Promise<void> {
    await this.unlead();
    this.leaders++;
    const orchestrator = new ServiceOrchestrator({ store: this.store, clock: this.clock, random: this.random.bytes });
    this.#loop = new ControlLoop(this.store, this.clock, [orchestrator], (line) => this.defects.push(line));
    this.#loop.start();
    await this.settle();
  }

  get hasLeader(): boolean {
    return this.#loop !== undefined;
  }

  async unlead(): Promise<void> {
    await this.#loop?.stop();
    this.#loop = undefined;
  }

  /** Until nothing is to be done before time passes. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      await this.#loop?.idle();
    }
  }

  /** Some time passes. Without a leader nobody places, assigns or takes reports. */
  async step(ms: number, temper: Temper): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
    if (this.#loop) await this.#watchNodes();
    for (const node of this.nodes.values()) node.step(temper);
    if (!this.#loop) return;
    await this.#takeReports();
    await placeAll(this.store, this.clock.now());
    await this.settle();
    for (const node of this.nodes.values()) if (node.reach === "up") node.assign(this.assignedTo(node.id));
  }

  assignedTo(nodeId: string): readonly Task[] {
    return this.store
      .view((read) => read.find("task", "node", nodeId))
      .filter((task) => stateOf(task) >= TaskState.ASSIGNED);
  }

  tasks(serviceId?: string): readonly Task[] {
    return this.store.view((read) =>
      serviceId === undefined ? read.all("task") : read.find("task", "service", serviceId),
    );
  }

  services(): readonly Service[] {
    return this.store.view((read) => read.all("service"));
  }

  storedNodes(): readonly Node[] {
    return this.store.view((read) => read.all("node"));
  }

  async addNode(id: string): Promise<void> {
    this.nodes.set(id, new FakeNode(id, this.random));
    const status = { state: NodeState.READY, message: "", addr: "" };
    await this.store.update((tx) =>
      tx.create("node", Node.fromPartial({ id, status, spec: { availability: Availability.ACTIVE } })),
    );
  }

  async removeNode(id: string): Promise<void> {
    this.nodes.delete(id);
    await this.store.update((tx) => {
      for (const task of tx.find("task", "node", id)) {
        if (hasEnded(task) || stateOf(task) < TaskState.ASSIGNED) continue;
        const change = { state: TaskState.ORPHANED, message: "its node was removed" };
        tx.update("task", { ...task, status: statusAt(task.status, change, this.clock.now()) });
      }
      tx.remove("node", id);
    });
  }

  async setAvailability(id: string, availability: Availability): Promise<void> {
    await this.store.update((tx) => {
      const node = tx.get("node", id)!;
      tx.update("node", { ...node, spec: { ...node.spec!, availability } });
    });
  }

  async createService(spec: ServiceSpec): Promise<string> {
    const id = newObjectId(this.random.bytes);
    const jobStatus = nextJobStatus({ spec }, undefined, this.clock.now());
    const service = Service.fromPartial({ id, spec, specVersion: { index: 0 } });
    await this.store.update((tx) => tx.create("service", { ...service, jobStatus }));
    return id;
  }

  /** As the control API does it. */
  async updateService(id: string, change: (spec: ServiceSpec) => ServiceSpec): Promise<void> {
    await this.store.update((tx) => {
      const service = tx.get("service", id)!;
      const spec = change(service.spec!);
      tx.update("service", {
        ...service,
        spec,
        specVersion: service.meta?.version,
        previousSpec: service.spec,
        previousSpecVersion: service.specVersion,
        updateStatus: undefined,
        jobStatus: nextJobStatus({ spec }, service, this.clock.now()),
      });
    });
  }

  async rollBack(id: string): Promise<void> {
    await this.store.update((tx) => {
      const service = tx.get("service", id)!;
      if (!service.previousSpec) return;
      tx.update("service", {
        ...service,
        spec: service.previousSpec,
        specVersion: service.previousSpecVersion,
        previousSpec: service.spec,
        previousSpecVersion: service.specVersion,
        updateStatus: {
          state: UpdateState.ROLLBACK_STARTED,
          startedAt: timestampOf(this.clock.now()),
          completedAt: undefined,
          message: "manually requested rollback",
        },
        jobStatus: nextJobStatus({ spec: service.previousSpec }, service, this.clock.now()),
      });
    });
  }

  async removeService(id: string): Promise<void> {
    await this.store.update((tx) => tx.remove("service", id));
  }

  async #watchNodes(): Promise<void> {
    const now = this.clock.now();
    for (const { id, status } of this.storedNodes()) {
      const { silentSinceMs } = this.nodes.get(id)!;
      const isLost = silentSinceMs !== undefined && now - silentSinceMs >= SILENCE_MS;
      const state = isLost ? NodeState.DOWN : silentSinceMs === undefined ? NodeState.READY : status!.state;
      if (state === status!.state) continue;
      this.tell(`node ${id} is ${NodeState[state]}`);
      if (isLost) for (const task of this.assignedTo(id)) this.excused.add(task.id);
      await this.store.update((tx) => {
        const node = tx.get("node", id)!;
        tx.update("node", { ...node, status: { ...node.status!, state } });
      });
    }
  }

  async #takeReports(): Promise<void> {
    const nowMs = this.clock.now();
    for (const node of this.nodes.values()) {
      if (node.reach !== "up") continue;
      await this.store.update((tx) => {
        for (const { id, status } of node.reports(nowMs)) {
          const task = tx.get("task", id);
          if (!task || task.nodeId !== node.id || status.state < stateOf(task)) continue;
          const applied: TaskStatus = { ...status, appliedBy: "manager", appliedAt: timestampOf(nowMs) };
          tx.update("task", { ...task, status: applied });
        }
      });
    }
  }
}
