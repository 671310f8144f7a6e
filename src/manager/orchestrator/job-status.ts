/** Which run a job is in: what the control API writes when a job is created or changed. */
import type { Service } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { JobStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import { timestampOf } from "../../api/time.js";
import { isJob } from "./new-task.js";

/** @param service as it will be @param before as it was; absent for a new one @returns undefined unless it is a job */
export function nextJobStatus(
  service: Pick<Service, "spec">,
  before: Pick<Service, "jobStatus"> | undefined,
  nowMs: number,
): JobStatus | undefined {
  if (!isJob(service as Service)) return undefined;
  const index = before ? (before.jobStatus?.jobIteration?.index ?? 0) + 1 : 0;
  return { jobIteration: { index }, lastExecution: timestampOf(nowMs) };
}
