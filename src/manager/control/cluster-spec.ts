/** What may be changed about the cluster. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { invalidArgument, unimplemented } from "../../api/status-error.js";
import { durationMs } from "../../api/time.js";

/**
 * @param before what holds now, keys included
 * @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version does not act on
 */
export function checkClusterSpec(spec: ClusterSpec, before: ClusterSpec | undefined): void {
  if (spec.annotations?.name !== before?.annotations?.name) {
    throw invalidArgument("modification of cluster name is not allowed");
  }
  checkRaft(spec, before);
  if (durationMs(spec.dispatcher?.heartbeatPeriod, 0) <= 0) {
    throw invalidArgument("heartbeat time period must be longer than nothing");
  }
  if (!isDeepStrictEqual(publicPart(spec), publicPart(before))) {
    throw unimplemented("settings of the certificate authority cannot be changed in this version of tswarm");
  }
  if (!isDeepStrictEqual(spec.taskDefaults?.logDriver, before?.taskDefaults?.logDriver)) {
    throw unimplemented("log drivers are not available in this version of tswarm");
  }
}

function checkRaft({ raft }: ClusterSpec, before: ClusterSpec | undefined): void {
  if (!raft) throw invalidArgument("the settings of Raft are missing");
  if (raft.snapshotInterval < 1) throw invalidArgument("the snapshot interval is less than one entry");
  const { electionTick, heartbeatTick } = raft;
  if (electionTick === before?.raft?.electionTick && heartbeatTick === before?.raft?.heartbeatTick) return;
  throw unimplemented("election and heartbeat ticks are settings of each manager's process: see --election-ticks");
}

/** Who asks has been shown the settings without the key. */
function publicPart(spec: ClusterSpec | undefined) {
  return spec?.caConfig && { ...spec.caConfig, signingCaKey: undefined };
}
