/** The status message of a task. Pure. */
import type { PortStatus, TaskStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { TaskExit } from "../executor/executor.js";
import type { StepStatus } from "./task-step.js";

/** What is known of the task's process, as far as it came. */
export interface ProcessFacts {
  readonly pid: number;
  readonly exitCode: number;
}

export function stepStatus(status: TaskStatus | undefined): StepStatus {
  return { state: status?.state ?? TaskState.NEW, message: status?.message ?? "", err: status?.err ?? "" };
}

export function taskStatus(
  step: StepStatus,
  before: TaskStatus | undefined,
  facts: ProcessFacts | undefined,
  portStatus: PortStatus | undefined,
  nowMs: number,
): TaskStatus {
  return {
    timestamp: { seconds: Math.floor(nowMs / 1000), nanos: Math.round((nowMs % 1000) * 1e6) },
    state: step.state,
    message: step.message,
    err: step.err,
    runtimeStatus: facts
      ? { $case: "container", value: { containerId: "", pid: facts.pid, exitCode: facts.exitCode } }
      : before?.runtimeStatus,
    portStatus: portStatus ?? before?.portStatus,
    appliedBy: before?.appliedBy ?? "",
    appliedAt: before?.appliedAt,
  };
}

export function processFacts(status: TaskStatus | undefined): ProcessFacts | undefined {
  const runtime = status?.runtimeStatus;
  return runtime ? { pid: runtime.value.pid, exitCode: runtime.value.exitCode } : undefined;
}

/** SwarmKit's words for a task that ended badly, with the reason where there is one; undefined for status 0. */
export function exitError(exit: TaskExit): string | undefined {
  if (exit.code === 0) return undefined;
  return `task: non-zero exit (${exit.code})${exit.message ? `: ${exit.message}` : ""}`;
}
