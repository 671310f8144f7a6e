/** What every manager says of the cluster's root, to anybody; and of the key that opens a manager's log, to those who may have it. */
import {
  CAService,
  type GetRootCACertificateRequest,
  type GetRootCACertificateResponse,
  type GetUnlockKeyRequest,
  type GetUnlockKeyResponse,
} from "../../api/generated/docker/swarmkit/v1/ca.js";
import { partialService } from "../../api/partial-service.js";
import { unary } from "../../api/server-call.js";
import { failedPrecondition, notFound } from "../../api/status-error.js";
import type { Store } from "../../store/store.js";
import { unlockKeyOf } from "../autolock/cluster-key.js";

/** The gRPC service. The unlock key goes out as bytes; as text it is SWMKEY-1-… Empty while autolock is off. */
export function caService(store: Store, log: (line: string) => void) {
  const getRootCaCertificate = unary((_request: GetRootCACertificateRequest): GetRootCACertificateResponse => {
    const [cluster] = store.view((read) => read.all("cluster"));
    if (!cluster?.rootCa) throw failedPrecondition("the cluster has no certificate authority yet");
    // The present root alone, also while another is to follow it: join tokens hold the digest of this text.
    return { certificate: cluster.rootCa.caCert };
  }, log);
  const getUnlockKey = unary((_request: GetUnlockKeyRequest): GetUnlockKeyResponse => {
    const [cluster] = store.view((read) => read.all("cluster"));
    if (!cluster) throw notFound("there is no cluster yet");
    return { unlockKey: unlockKeyOf(cluster)?.key ?? Buffer.alloc(0), version: cluster.meta?.version };
  }, log);
  return partialService(CAService, { getRootCaCertificate, getUnlockKey }, log);
}
