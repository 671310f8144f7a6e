/** How many tasks run, in the words of `docker service ls`: `3/3`, `1/3 (0/3 completed)`, `2/2 (max 1 per node)`. */
import type { ListServiceStatusesResponse_ServiceStatus as ServiceStatus } from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";

export type Counts = Pick<ServiceStatus, "runningTasks" | "desiredTasks" | "completedTasks">;

export const NO_COUNTS: Counts = { runningTasks: 0, desiredTasks: 0, completedTasks: 0 };

export function replicasText({ spec }: Service, counts: Counts): string {
  const { runningTasks, desiredTasks, completedTasks } = counts;
  const running = `${runningTasks}/${desiredTasks}`;
  switch (spec?.mode?.$case) {
    case "replicatedJob":
      return `${running} (${completedTasks}/${spec.mode.value.totalCompletions} completed)`;
    case "globalJob":
      // Nodes on which it has come to its end are not desired any more.
      return `${running} (${completedTasks}/${desiredTasks + completedTasks} completed)`;
    default: {
      const maxReplicas = spec?.task?.placement?.maxReplicas ?? 0;
      return maxReplicas > 0 ? `${running} (max ${maxReplicas} per node)` : running;
    }
  }
}
