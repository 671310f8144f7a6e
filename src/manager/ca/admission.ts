/** What a caller brings along: a join token. */
import type { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument, resourceExhausted, type StatusError } from "../../api/status-error.js";
import type { AttemptLimiter } from "../../security/attempt-limiter.js";
import type { Store } from "../../store/store.js";
import { roleOfToken } from "./token-role.js";

export interface Admission {
  readonly store: Store;
  readonly attempts: Pick<AttemptLimiter, "isBarred" | "note">;
}

/**
 * @param peer where the call comes from
 * @returns the role that the token gives
 * @throws StatusError RESOURCE_EXHAUSTED, whatever the token, after too many wrong ones; INVALID_ARGUMENT for a wrong one
 */
export function admit({ store, attempts }: Admission, token: string, peer: string): NodeRole {
  if (attempts.isBarred(peer)) {
    throw resourceExhausted("too many wrong join tokens came from this address: try again in a while");
  }
  const role = store.view((read) => roleOfToken(read.all("cluster")[0], token));
  if (role !== undefined) return role;
  attempts.note(peer);
  throw tokenNeeded();
}

export function tokenNeeded(): StatusError {
  return invalidArgument("A valid join token is necessary to join this cluster");
}
