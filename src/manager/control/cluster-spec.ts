/** What may be changed about the cluster. Pure. */
import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { type CAConfig, ExternalCA_CAProtocol as Protocol } from "../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../api/status-error.js";
import { durationMs } from "../../api/time.js";
import { MIN_NODE_CERTIFICATE_EXPIRY_MS, nodeCertificateExpiryMs } from "../ca/cluster-root.js";
import { httpsAddress } from "../ca/external/reach.js";
import { normalizedPem } from "../ca/normalized-pem.js";

/** More than a cluster has use for; each is asked in turn. */
const MAX_EXTERNAL_CAS = 16;
/** Of a snapshot's interval and the like there is no such limit; elections must not take hours. */
const MAX_TICKS = 1000;
/** Notes of certificates that end a century from now are of no use. */
const MAX_EXPIRY_MS = 100 * 365 * 86_400_000;

/** @throws StatusError (INVALID_ARGUMENT) */
export function checkClusterSpec(spec: ClusterSpec, before: ClusterSpec | undefined): void {
  if (spec.annotations?.name !== before?.annotations?.name) {
    throw invalidArgument("modification of cluster name is not allowed");
  }
  checkRaft(spec);
  if (durationMs(spec.dispatcher?.heartbeatPeriod, 0) <= 0) {
    throw invalidArgument("heartbeat time period must be longer than nothing");
  }
  if (spec.caConfig) checkCa(spec.caConfig);
  if (spec.taskDefaults?.logDriver && spec.taskDefaults.logDriver.name === "") {
    throw invalidArgument("the default log driver has no name");
  }
}

function checkRaft({ raft }: ClusterSpec): void {
  if (!raft) throw invalidArgument("the settings of Raft are missing");
  if (raft.snapshotInterval < 1) throw invalidArgument("the snapshot interval is less than one entry");
  const { electionTick, heartbeatTick } = raft;
  if (heartbeatTick < 1) throw invalidArgument("a leader must send heartbeats: heartbeat ticks are 1 or more");
  if (electionTick <= heartbeatTick || electionTick > MAX_TICKS) {
    throw invalidArgument(`election ticks must be more than heartbeat ticks, by far, and at most ${MAX_TICKS}`);
  }
}

function checkCa(config: CAConfig): void {
  const expiryMs = nodeCertificateExpiryMs(config);
  if (expiryMs < MIN_NODE_CERTIFICATE_EXPIRY_MS) throw invalidArgument("minimum certificate expiry time is: 1h0m0s");
  if (expiryMs > MAX_EXPIRY_MS) throw invalidArgument("certificates of nodes end within 100 years");
  if (config.externalCas.length > MAX_EXTERNAL_CAS) {
    throw invalidArgument(`more than ${MAX_EXTERNAL_CAS} external CAs`);
  }
  for (const { protocol, url, caCert } of config.externalCas) {
    if (protocol !== Protocol.CFSSL) throw invalidArgument("the protocol of an external CA is not known: cfssl is");
    if (!httpsAddress(url)) throw invalidArgument(`external CA "${url}": an https URL is due`);
    if (caCert.length > 0) checkPem(url, caCert);
  }
}

function checkPem(url: string, caCert: Buffer): void {
  try {
    normalizedPem(caCert);
  } catch (error) {
    throw invalidArgument(`external CA "${url}": its root certificate cannot be read: ${(error as Error).message}`);
  }
}
