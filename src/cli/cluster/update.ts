import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { UsageError } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { clusterName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { oneOf, parseWhole } from "../values/amount.js";
import { parseDuration } from "../values/duration.js";
import { changeCluster } from "./change.js";
import { hasAutolock } from "./list.js";
import { fetchUnlockKey, unlockAdvice } from "./unlock-key.js";

/** `tsctl cluster update` */
export const updateCluster: Action = async (invocation) => {
  const { change, autolock } = readChange(invocation.flags);
  const connection = await invocation.connect();
  const before = await changeCluster(connection, change);
  if (invocation.settings.format === "json") {
    printChanged(invocation, [{ id: before.id, name: clusterName(before) }], "name");
    return undefined;
  }
  invocation.terminal.write("Swarm updated.\n");
  if (autolock && !hasAutolock(before)) invocation.terminal.write(unlockAdvice(await fetchUnlockKey(connection)));
  return undefined;
};

interface Change {
  readonly change: (spec: ClusterSpec) => ClusterSpec;
  readonly autolock: boolean | undefined;
}

/** @throws UsageError */
function readChange(values: Readonly<Record<string, unknown>>): Change {
  const flags = new FlagReader(values);
  const autolock = flags.value("--autolock", oneOf("true", "false")) ?? undefined;
  const snapshotInterval = flags.value("--snapshot-interval", (text, flag) => parseWhole(text, flag, 1));
  const logEntriesForSlowFollowers = flags.value("--log-entries-for-slow-followers", parseWhole);
  const taskHistoryRetentionLimit = flags.value("--task-history-limit", readHistoryLimit);
  const heartbeatPeriod = flags.value("--dispatcher-heartbeat", parseDuration);
  const given = [
    autolock,
    snapshotInterval,
    logEntriesForSlowFollowers,
    taskHistoryRetentionLimit,
    heartbeatPeriod,
  ].some((value) => value !== undefined);
  if (!given) throw new UsageError("nothing to change: give at least one setting");
  const autoLockManagers = autolock === "true";
  return {
    autolock: autolock === undefined ? undefined : autoLockManagers,
    change: (spec) => ({
      ...spec,
      ...(autolock === undefined ? {} : { encryptionConfig: { autoLockManagers } }),
      ...(heartbeatPeriod ? { dispatcher: { heartbeatPeriod } } : {}),
      ...(taskHistoryRetentionLimit === undefined ? {} : { orchestration: { taskHistoryRetentionLimit } }),
      ...(spec.raft && {
        raft: {
          ...spec.raft,
          ...(snapshotInterval === undefined ? {} : { snapshotInterval }),
          ...(logEntriesForSlowFollowers === undefined ? {} : { logEntriesForSlowFollowers }),
        },
      }),
    }),
  };
}

/** Below zero nothing is ever removed. */
function readHistoryLimit(text: string, flag: string): number {
  return text === "-1" ? -1 : parseWhole(text, flag);
}
