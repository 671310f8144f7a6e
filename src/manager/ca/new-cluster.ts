/** A cluster before it is in the log: what its first manager decides alone, and can show certificates of at once. */
import { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeSpec_Availability as Availability,
  type ClusterSpec,
} from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { InitClusterRequest } from "../../api/generated/tswarm/v1/node.js";
import { invalidArgument } from "../../api/status-error.js";
import { durationOf } from "../../api/time.js";
import type { NodeCertificate } from "../../security/node-certificate/node-certificate.js";
import { makeCsr } from "../../security/pki/csr.js";
import { issueCertificate } from "../../security/pki/issue.js";
import { makeRootCa } from "../../security/pki/root-ca.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import { parseRange } from "../allocator/ip-range.js";
import { withNewUnlockKey } from "../autolock/cluster-key.js";
import { checkClusterSpec } from "../control/cluster-spec.js";
import { DEFAULT_NODE_CERTIFICATE_EXPIRY_MS, freshRoot, nodeCertificateExpiryMs } from "./cluster-root.js";
import { readGivenRoot } from "./rotation/given-root.js";

export interface ClusterDefaults {
  readonly heartbeatPeriodMs: number;
  readonly dataPathPort: number;
  readonly electionTicks?: number;
  readonly heartbeatTicks?: number;
}

export interface NewCluster {
  /** Holds the root's key. */
  readonly cluster: Cluster;
  /** Of the first node. */
  readonly availability: Availability;
}

export interface NewClusterOptions {
  /** What is asked for; the rest is as always. */
  readonly request?: Partial<InitClusterRequest>;
  readonly defaults: ClusterDefaults;
  readonly random: RandomBytes;
  readonly nowMs: number;
}

const ADDRESS_POOL = "10.0.0.0/8";
const SUBNET_LENGTH = 24;
const HISTORY_LIMIT = 5;
const BACKDATE_MS = 3_600_000;

/** @throws StatusError (INVALID_ARGUMENT) for a request that no cluster can begin with */
export function newCluster({ request = {}, defaults, random, nowMs }: NewClusterOptions): NewCluster {
  const spec = specOf(request.spec, defaults);
  checkClusterSpec(spec, spec);
  const given = readGivenRoot(spec.caConfig!, nowMs);
  if (given && given.keyPem === undefined) {
    throw invalidArgument(
      "a cluster begins with a root whose key it has: give the key too, or turn to a root of an external CA afterwards",
    );
  }
  const root = given ?? makeRootCa(nowMs);
  const pools = request.defaultAddrPool?.length ? request.defaultAddrPool : [ADDRESS_POOL];
  for (const pool of pools) {
    if (parseRange(pool)?.family !== 4)
      throw invalidArgument(`invalid default address pool "${pool}": an IPv4 subnet is due`);
  }
  const nothing = Buffer.alloc(0);
  const cluster = Cluster.fromPartial({
    id: newObjectId(random),
    // The root stands in its own place; its key in no other.
    spec: { ...spec, caConfig: { ...spec.caConfig, signingCaCert: nothing, signingCaKey: nothing } },
    rootCa: freshRoot(root.certificatePem, root.keyPem, spec.caConfig!.forceRotate),
    defaultAddressPool: [...pools],
    subnetSize: request.defaultAddrPoolMaskLength || SUBNET_LENGTH,
    VXLANUDPPort: request.dataPathPort || defaults.dataPathPort,
  });
  const isLocked = spec.encryptionConfig?.autoLockManagers ?? false;
  return {
    cluster: isLocked ? withNewUnlockKey(cluster, random) : cluster,
    availability: request.availability ?? Availability.ACTIVE,
  };
}

/** The certificate of the first manager, whom nobody else can give one. */
export function firstManagerCertificate({ cluster }: NewCluster, nodeId: string, nowMs: number): NodeCertificate {
  const { caCert, caKey } = cluster.rootCa!;
  const rootPem = caCert.toString();
  const { csrPem, keyPem } = makeCsr();
  const certificatePem = issueCertificate({
    ca: { certificatePem: rootPem, keyPem: caKey.toString() },
    csr: csrPem,
    nodeId,
    role: NodeRole.MANAGER,
    clusterId: cluster.id,
    notBeforeMs: nowMs - BACKDATE_MS,
    notAfterMs: nowMs + nodeCertificateExpiryMs(cluster.spec?.caConfig),
  });
  return { certificatePem, keyPem, rootPem };
}

function specOf(asked: ClusterSpec | undefined, defaults: ClusterDefaults): ClusterSpec {
  const { heartbeatPeriodMs, electionTicks = 10, heartbeatTicks = 1 } = defaults;
  const raft = {
    snapshotInterval: 10_000,
    keepOldSnapshots: 0,
    logEntriesForSlowFollowers: 500,
    heartbeatTick: heartbeatTicks,
    electionTick: electionTicks,
  };
  const spec = Cluster.fromPartial({
    spec: {
      ...asked,
      annotations: { ...asked?.annotations, name: "default" },
      orchestration: asked?.orchestration ?? { taskHistoryRetentionLimit: HISTORY_LIMIT },
      dispatcher: { heartbeatPeriod: asked?.dispatcher?.heartbeatPeriod ?? durationOf(heartbeatPeriodMs) },
      raft: asked?.raft ?? raft,
      caConfig: {
        ...asked?.caConfig,
        nodeCertExpiry: asked?.caConfig?.nodeCertExpiry ?? durationOf(DEFAULT_NODE_CERTIFICATE_EXPIRY_MS),
      },
      encryptionConfig: asked?.encryptionConfig ?? { autoLockManagers: false },
      taskDefaults: asked?.taskDefaults ?? {},
    },
  }).spec;
  return spec!;
}
