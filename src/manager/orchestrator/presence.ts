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
  return isJudged && !nodeMatches(constraintsOf(task.spec), node) ? "leaving" : "here";
}

export function isUp(task: Task, around: Surroundings): boolean {
  return stateOf(task) === TaskState.RUNNING && presenceOf(task, around) === "here";
}

const parsed = new WeakMap<TaskSpec, readonly Constraint[]>();
const NONE: readonly Constraint[] = [];

function constraintsOf(spec: TaskSpec | undefined): readonly Constraint[] {
  if (!spec?.placement?.constraints.length) return NONE;
  let constraints = parsed.get(spec);
  if (!constraints) {
    constraints = parseConstraints(spec.placement.constraints);
    parsed.set(spec, constraints);
  }
  return constraints;
}
