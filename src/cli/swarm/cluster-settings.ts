/** The settings of a cluster that init and update know. */
import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { CAConfig, type ExternalCA, RaftConfig } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../api/generated/google/protobuf/duration.js";
import { UsageError } from "../failure.js";
import type { FlagReader } from "../flag-reader.js";
import { parseWhole } from "../values/amount.js";
import { durationMs, parseDuration } from "../values/duration.js";
import { parseExternalCa } from "./external-ca.js";

/** Each undefined unless its flag was given. */
export interface ClusterSettings {
  readonly autolock?: boolean;
  readonly certExpiry?: Duration;
  readonly externalCas?: readonly ExternalCA[];
  readonly heartbeatPeriod?: Duration;
  readonly keepOldSnapshots?: number;
  readonly snapshotInterval?: number;
  readonly logEntriesForSlowFollowers?: number;
  readonly taskHistoryLimit?: number;
}

/** The cluster's own lower bound, as SwarmKit's. */
const MIN_CERT_EXPIRY_MS = 3_600_000;
/** What a cluster begins with where nothing is said. */
const RAFT_DEFAULTS: Partial<RaftConfig> = {
  snapshotInterval: 10_000,
  logEntriesForSlowFollowers: 500,
  heartbeatTick: 1,
  electionTick: 10,
};

/** All but --autolock, which init and update write differently. @throws UsageError */
export function readClusterSettings(flags: FlagReader): ClusterSettings {
  return given({
    certExpiry: flags.value("--cert-expiry", parseCertExpiry),
    externalCas: flags.valuesIfGiven("--external-ca", parseExternalCa),
    heartbeatPeriod: flags.value("--dispatcher-heartbeat", parseHeartbeat),
    keepOldSnapshots: flags.value("--max-snapshots", parseWhole),
    snapshotInterval: flags.value("--snapshot-interval", (text, flag) => parseWhole(text, flag, 1)),
    logEntriesForSlowFollowers: flags.value("--log-entries-for-slow-followers", parseWhole),
    taskHistoryLimit: flags.value("--task-history-limit", parseHistoryLimit),
  });
}

/** The specification with these settings in it. What it has no value for gets the one that clusters begin with. */
export function withSettings(spec: ClusterSpec, settings: ClusterSettings): ClusterSpec {
  const { certExpiry, externalCas, heartbeatPeriod, taskHistoryLimit, autolock } = settings;
  const { keepOldSnapshots, snapshotInterval, logEntriesForSlowFollowers } = settings;
  const raft = given({ keepOldSnapshots, snapshotInterval, logEntriesForSlowFollowers });
  const ca = given({ nodeCertExpiry: certExpiry, externalCas });
  return {
    ...spec,
    ...(autolock === undefined ? {} : { encryptionConfig: { autoLockManagers: autolock } }),
    ...(heartbeatPeriod ? { dispatcher: { heartbeatPeriod } } : {}),
    ...(taskHistoryLimit === undefined ? {} : { orchestration: { taskHistoryRetentionLimit: taskHistoryLimit } }),
    ...(isEmpty(raft) ? {} : { raft: { ...(spec.raft ?? RaftConfig.fromPartial(RAFT_DEFAULTS)), ...raft } }),
    ...(isEmpty(ca) ? {} : { caConfig: { ...(spec.caConfig ?? CAConfig.fromPartial({})), ...ca } }),
  };
}

/** At least an hour. @throws UsageError */
export function parseCertExpiry(text: string, flag: string): Duration {
  const expiry = parseDuration(text, flag);
  if (durationMs(expiry) < MIN_CERT_EXPIRY_MS)
    throw new UsageError(`${flag}: "${text}" is too short: a certificate is valid for at least 1h`);
  return expiry;
}

function parseHeartbeat(text: string, flag: string): Duration {
  const period = parseDuration(text, flag);
  if (durationMs(period) === 0) throw new UsageError(`${flag}: "${text}" leaves no time between heartbeats`);
  return period;
}

/** Below zero nothing is ever removed. */
function parseHistoryLimit(text: string, flag: string): number {
  return text === "-1" ? -1 : parseWhole(text, flag);
}

export function isEmpty(values: object): boolean {
  return Object.keys(values).length === 0;
}

/** Without what is undefined. */
function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
