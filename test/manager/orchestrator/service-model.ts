/** Services, tasks and nodes as tables for the orchestrators' tests: tables in, lines out. Times are seconds. */
import { Node, Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  TaskSpec,
} from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { Action, Step } from "../../../src/manager/orchestrator/action.js";
import type { DeskView } from "../../../src/manager/orchestrator/desk-view.js";
import { type Pass, ServiceDesk } from "../../../src/manager/orchestrator/service-desk.js";
import { ServiceRules } from "../../../src/manager/orchestrator/service-rules.js";
import type { Slot } from "../../../src/manager/orchestrator/slot.js";
import { SlotTable } from "../../../src/manager/orchestrator/slot-table.js";

type ServiceFields = NonNullable<Parameters<typeof Service.fromPartial>[0]["spec"]>;

/** Task specifications by name: the same name is the same object. */
const specs = new Map<string, TaskSpec>();

export function taskSpec(image: string, more: Parameters<typeof TaskSpec.fromPartial>[0] = {}): TaskSpec {
  const key = JSON.stringify([image, more]);
  let spec = specs.get(key);
  if (!spec) {
    spec = TaskSpec.fromPartial({ runtime: { $case: "container", value: { image } }, ...more });
    specs.set(key, spec);
  }
  return spec;
}

export function replicated(replicas: number, more: ServiceFields = {}, version = 1): Service {
  return Service.fromPartial({
    id: "web",
    specVersion: { index: version },
    spec: {
      annotations: { name: "web" },
      task: taskSpec("one"),
      ...more,
      mode: { $case: "replicated", value: { replicas } },
    },
  });
}

export function globalService(more: ServiceFields = {}): Service {
  const service = replicated(0, more);
  return { ...service, spec: { ...service.spec!, mode: { $case: "global", value: {} } } };
}

export interface TaskRow {
  readonly id: string;
  readonly slot?: number;
  readonly node?: string;
  readonly state: keyof typeof TaskState;
  /** RUNNING when absent. */
  readonly wanted?: keyof typeof TaskState;
  /** When it was made. */
  readonly at?: number;
  /** When its status was taken in. */
  readonly since?: number;
  readonly spec?: TaskSpec;
  readonly version?: number;
  /** The update that made it, by the second of its beginning. */
  readonly update?: number;
  /** The update in which it counts as failed. */
  readonly failed?: number;
  /** Why it was taken from its node. */
  readonly evicted?: string;
  /** Of a job. */
  readonly iteration?: number;
  readonly err?: string;
}

export function tasksOf(rows: readonly TaskRow[]): readonly Task[] {
  return rows.map(({ id, slot = 1, node = "", at = 0, since = 0, version = 1, ...row }) =>
    Task.fromPartial({
      id,
      serviceId: "web",
      slot,
      nodeId: node,
      spec: row.spec ?? taskSpec("one"),
      specVersion: { index: version },
      status: { state: TaskState[row.state], appliedAt: { seconds: since }, err: row.err ?? "" },
      desiredState: TaskState[row.wanted ?? "RUNNING"],
      meta: { createdAt: { seconds: at } },
      annotations: { labels: marks(row, version) },
      ...(row.iteration === undefined ? {} : { jobIteration: { index: row.iteration } }),
    }),
  );
}

function marks({ update, failed, evicted }: Partial<TaskRow>, version: number): Record<string, string> {
  const moment = (seconds: number) => `${new Date(seconds * 1000).toISOString()} ${version}`;
  return {
    ...(update === undefined ? {} : { "tswarm.update": moment(update) }),
    ...(failed === undefined ? {} : { "tswarm.update.failed": moment(failed) }),
    ...(evicted === undefined ? {} : { "tswarm.evicted": evicted }),
  };
}

export type NodeRow = "ready" | "down" | "drained" | "paused" | "unknown" | "labelled";

export function nodesOf(rows: Readonly<Record<string, NodeRow>>): readonly Node[] {
  return Object.entries(rows).map(([id, row]) =>
    Node.fromPartial({
      id,
      status: { state: row === "down" ? NodeState.DOWN : row === "unknown" ? NodeState.UNKNOWN : NodeState.READY },
      spec: {
        ...(row === "labelled" ? { annotations: { labels: { zone: "x" } } } : {}),
        availability:
          row === "drained" ? Availability.DRAIN : row === "paused" ? Availability.PAUSE : Availability.ACTIVE,
      },
    }),
  );
}

export function around(nowSeconds: number, nodes: Readonly<Record<string, NodeRow>> = {}) {
  const all = nodesOf(nodes);
  return { nowMs: nowSeconds * 1000, node: (id: string) => all.find((node) => node.id === id) };
}

export interface Table {
  readonly now?: number;
  readonly nodes?: Readonly<Record<string, NodeRow>>;
  readonly history?: number;
}

/** What the orchestrators want for a service whose tasks and nodes are these. */
export function reconcile(
  service: Service | undefined,
  rows: readonly TaskRow[],
  { now = 1000, nodes = {}, history = 5 }: Table = {},
): Pass {
  const tasks = tasksOf(rows);
  const view: DeskView = {
    ...around(now, nodes),
    historyLimit: history,
    nodes: () => nodesOf(nodes),
    task: (id) => tasks.find((task) => task.id === id),
    tasksOf: () => tasks,
  };
  return outcome(new ServiceDesk("web", service).pass(view));
}

/** Runs work to its end. */
export function outcome<T>(work: Generator<undefined, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Those of a service that is not global. */
export function slotsOf(tasks: readonly Task[]): readonly Slot[] {
  const table = new SlotTable(false);
  for (const task of tasks) table.put(task);
  return [...table.slots()];
}

export function rulesOf(service: Service): ServiceRules {
  return new ServiceRules(service, () => undefined);
}

/** When the desk wants to look again, in seconds, the soonest first. */
export function alarms(pass: Pass): readonly number[] {
  return pass.alarms.map(({ atMs }) => atMs / 1000).sort((a, b) => a - b);
}

/** Steps as lines: "create 3 RUNNING", "t1 → SHUTDOWN", "delete t1", or what is told. */
export function lines({ steps }: { readonly steps: readonly Step[] }): readonly string[] {
  return steps.map((step) => step.map(line).join(", ")).sort();
}

function line(action: Action): string {
  switch (action.kind) {
    case "create":
      return `create ${action.slot || action.nodeId} ${TaskState[action.desiredState]}`;
    case "desire":
      return `${action.taskId} → ${TaskState[action.desiredState]}`;
    case "remove":
      return `${action.taskId} → REMOVE`;
    case "delete":
      return `delete ${action.taskId}`;
    case "explain":
      return `${action.taskId} ${action.message}`;
    case "update-status":
    case "roll-back":
      return action.status.message;
  }
}
