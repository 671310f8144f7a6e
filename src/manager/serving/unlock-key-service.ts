/** The key that opens a manager's log after a restart, for those who may have it. */
import {
  CAService,
  type GetUnlockKeyRequest,
  type GetUnlockKeyResponse,
} from "../../api/generated/docker/swarmkit/v1/ca.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, unary } from "../../api/server-call.js";
import { notFound } from "../../api/status-error.js";
import type { Store } from "../../store/store.js";
import { unlockKeyOf } from "../autolock/cluster-key.js";

/**
 * The gRPC service. The key goes out as bytes; as text it is SWMKEY-1-… Empty while autolock is off.
 * @param check @throws StatusError when the caller may not have it
 */
export function unlockKeyService(store: Store, check: (context: CallContext) => void, log: (line: string) => void) {
  const getUnlockKey = unary((_request: GetUnlockKeyRequest, context): GetUnlockKeyResponse => {
    check(context);
    const [cluster] = store.view((read) => read.all("cluster"));
    if (!cluster) throw notFound("there is no cluster yet");
    return { unlockKey: unlockKeyOf(cluster)?.key ?? Buffer.alloc(0), version: cluster.meta?.version };
  }, log);
  return partialService(CAService, { getUnlockKey }, log);
}
