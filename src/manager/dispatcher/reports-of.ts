import type { UpdateTaskStatusRequest_TaskStatusUpdate } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { StatusReport } from "./status-collector.js";

/** Updates that say something. */
export function reportsOf(updates: readonly UpdateTaskStatusRequest_TaskStatusUpdate[]): readonly StatusReport[] {
  return updates.filter((update): update is StatusReport => update.status !== undefined);
}
