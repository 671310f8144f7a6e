/** A leader's loop over a store in memory, with agents that do at once what they are told. */
import type { ExecutionContext } from "ava";
import type { Node, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { Allocator } from "../../../src/manager/allocator/allocator.js";
import { ControlLoop } from "../../../src/manager/loop/control-loop.js";
import { ServiceOrchestrator } from "../../../src/manager/orchestrator/service-orchestrator.js";
import { ConstraintEnforcer } from "../../../src/manager/scheduler/constraint-enforcer.js";
import { Rebalancer } from "../../../src/manager/scheduler/rebalancer.js";
import { Scheduler } from "../../../src/manager/scheduler/scheduler.js";
import { statusAt } from "../../../src/manager/task-life.js";
import { MemoryProposer } from "../../../src/store/proposer.js";
import { Store } from "../../../src/store/store.js";
import type { Transaction } from "../../../src/store/transaction.js";
import { ManualClock, seededBytes } from "../manual-clock.js";

type ServiceFields = NonNullable<Parameters<typeof Service.fromPartial>[0]>;

export class World {
  readonly clock: ManualClock;
  readonly store: Store;
  readonly logged: string[] = [];
  readonly rebalancer: Rebalancer;
  readonly loop: ControlLoop;
  /** What a task that is to run comes to. */
  outcome: (task: Task) => TaskState = () => TaskState.RUNNING;
  /** Tasks of a service that did not run, or were not to run, at the worst moment. */
  mostDown = 0;

  constructor(t: ExecutionContext, before?: World) {
    const clock = before?.clock ?? new ManualClock();
    const store = before?.store ?? new Store(new MemoryProposer(), clock);
    this.clock = clock;
    this.store = store;
    const random = seededBytes(before ? 2 : 1);
    const scheduler = new Scheduler(store, clock);
    this.rebalancer = new Rebalancer({ store, clock, random, scheduler });
    const log = (line: string) => this.logged.push(line);
    this.loop = new ControlLoop(
      store,
      clock,
      [
        new ConstraintEnforcer(store),
        new ServiceOrchestrator({ store, clock, random }),
        new Allocator({ store, clock, subnetSources: [], log }),
        scheduler,
        this.rebalancer,
      ],
      log,
    );
    this.loop.start();
    t.teardown(() => this.loop.stop());
  }

  /** Another leader, of the same store; this one's loop has been stopped. */
  successor(t: ExecutionContext): World {
    return new World(t, this);
  }

  async change(body: (tx: Transaction) => void): Promise<void> {
    await this.store.update(body);
    await this.settle();
  }

  async create(nodes: readonly Node[], ...services: readonly ServiceFields[]): Promise<void> {
    await this.change((tx) => {
      for (const node of nodes) tx.create("node", node);
      for (const service of services)
        tx.create("service", Service.fromPartial({ specVersion: { index: 1 }, ...service }));
    });
  }

  /** Until nobody has anything to do at this time. */
  async settle(): Promise<void> {
    for (;;) {
      await this.loop.idle();
      const steps = this.tasks().flatMap((task) => this.#agentStep(task));
      if (steps.length === 0) return;
      await this.store.batch(steps, (tx, { id, state }) => {
        const task = tx.get("task", id);
        if (!task) return;
        const status = statusAt(task.status, { state, message: TaskState[state]! }, this.clock.now());
        tx.update("task", { ...task, status: { ...status, appliedAt: status.timestamp } });
      });
      const down = this.tasks().filter((task) => task.desiredState > TaskState.RUNNING || !isRunning(task)).length;
      this.mostDown = Math.max(this.mostDown, down);
    }
  }

  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.settle();
  }

  /** That have not ended. */
  tasks(): readonly Task[] {
    return this.store
      .view((read) => read.all("task"))
      .filter(({ status }) => (status?.state ?? TaskState.NEW) <= TaskState.RUNNING);
  }

  /** How many run on each node. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const task of this.tasks()) if (isRunning(task)) counts[task.nodeId] = (counts[task.nodeId] ?? 0) + 1;
    return counts;
  }

  #agentStep(task: Task): readonly { readonly id: string; readonly state: TaskState }[] {
    const { id, desiredState } = task;
    const state = task.status!.state;
    if (state < TaskState.ASSIGNED) return [];
    if (desiredState > TaskState.COMPLETE) return [{ id, state: TaskState.SHUTDOWN }];
    if (desiredState === TaskState.READY) return state < TaskState.READY ? [{ id, state: TaskState.READY }] : [];
    return state < TaskState.RUNNING ? [{ id, state: this.outcome(task) }] : [];
  }
}

function isRunning({ status }: Task): boolean {
  return status?.state === TaskState.RUNNING;
}
