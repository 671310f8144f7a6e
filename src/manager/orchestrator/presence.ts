/** Whether the place where a task is still counts. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeSpec_Availability as Availability, type TaskSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeStatus_State as NodeState, TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Constraint, nodeMatches, parseConstraints } from "../scheduler/constraint.js";
import { isDrained, stateOf } from "../task-life.js";
import type { Surroundings } from "./slot.js";

export type Presence =
  /** On its node, or on its way to one. */
  | "here"
  /** Nobody hears of its node: it may run or not, and may be heard of again. */
  | "silent"
  /** It has to leave: the node is drained, or does not fit what the task asks for any more. */
  | "leaving"
  /** The node was removed. */
  | "gone";

export function presenceOf(task: Task, around: Surroundings): Presence {
  if (task.nodeId === "") return "here";
  const node = around.node(task.nodeId);
  if (!node) return "gone";
  if (isDrained(node)) return "leaving";
  if (node.status?.state === NodeState.DOWN) return "silent";
  const isJudged = node.spec?.availability === Availability.ACTIVE && stateOf(task) >= TaskState.ASSIGNED;
  if (!isJudged) return "here";
  return nodeMatches(bindingConstraints(task.spec, around.constraints), node) ? "here" : "leaving";
}

export function isUp(task: Task, around: Surroundings): boolean {
  return stateOf(task) === TaskState.RUNNING && presenceOf(task, around) === "here";
}

interface Binding {
  /** Of the service, when this was found out. */
  readonly present: readonly string[] | undefined;
  readonly constraints: readonly Constraint[];
}

const bindings = new WeakMap<TaskSpec, Binding>();
const NONE: readonly Constraint[] = [];

/** Those of the task that its service still has. What the service asks for besides is the update's to bring, at its own pace. */
function bindingConstraints(spec: TaskSpec | undefined, present: readonly string[] | undefined): readonly Constraint[] {
  const own = spec?.placement?.constraints ?? [];
  if (!spec || own.length === 0) return NONE;
  let binding = bindings.get(spec);
  if (!binding || binding.present !== present) {
    const asked = present ? own.filter((expression) => present.includes(expression)) : own;
    binding = { present, constraints: parseConstraints(asked) };
    bindings.set(spec, binding);
  }
  return binding.constraints;
}
