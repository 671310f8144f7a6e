/** Whose a call is that this manager passes on to the one that leads. */
import type { ForwardedCaller } from "../../api/proxy/forwarded-metadata.js";
import type { CallContext } from "../../api/server-call.js";
import { type CallerIdentity, ORGANIZATIONAL_UNIT } from "../../security/identity.js";

/**
 * @returns "self" for a call by this host's socket: whoever may open that speaks for this manager
 * @throws StatusError for whoever may not call
 */
export function forwardedCaller(callers: CallerIdentity, context: CallContext): ForwardedCaller | "self" | undefined {
  if (context.isLocal) return "self";
  const { caller } = callers.origin(context);
  if (!caller) return undefined;
  const { nodeId, role, organization = "" } = caller;
  return { nodeId, organizationalUnit: ORGANIZATIONAL_UNIT[role] ?? "", clusterId: organization };
}
