/** Services, tasks and nodes as tables for the orchestrators' tests. Times are seconds. */
import { Node, Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  TaskSpec,
} from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { Action, Outcome } from "../../../src/manager/orchestrator/action.js";

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
}

export function tasksOf(rows: readonly TaskRow[]): readonly Task[] {
  return rows.map(({ id, slot = 1, node = "", state, wanted = "RUNNING", at = 0, since = 0, spec, version = 1 }) =>
    Task.fromPartial({
      id,
      serviceId: "web",
      slot,
      nodeId: node,
      spec: spec ?? taskSpec("one"),
      specVersion: { index: version },
      status: { state: TaskState[state], appliedAt: { seconds: since } },
      desiredState: TaskState[wanted],
      meta: { createdAt: { seconds: at } },
    }),
  );
}

export type NodeRow = "ready" | "down" | "drained" | "paused" | "unknown";

export function nodesOf(rows: Readonly<Record<string, NodeRow>>): readonly Node[] {
  return Object.entries(rows).map(([id, row]) =>
    Node.fromPartial({
      id,
      status: { state: row === "down" ? NodeState.DOWN : row === "unknown" ? NodeState.UNKNOWN : NodeState.READY },
      spec: {
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

/** Steps as lines: "create 3 RUNNING", "t1 → SHUTDOWN", "delete t1", "update COMPLETED…". */
export function lines({ steps }: Outcome): readonly string[] {
  return steps.map((step) => step.map(line).join(", ")).sort();
}

function line(action: Action): string {
  switch (action.kind) {
    case "create":
      return `create ${action.slot || action.nodeId} ${TaskState[action.desiredState]}`;
    case "desire":
      return `${action.taskId} → ${TaskState[action.desiredState]}`;
    case "delete":
      return `delete ${action.taskId}`;
    case "update-status":
      return action.status.message;
  }
}
