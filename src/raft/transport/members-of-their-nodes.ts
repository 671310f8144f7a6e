/** A member of the log speaks for itself alone: its messages come with the certificate of its node. */
import type { CallContext } from "../../api/server-call.js";
import { permissionDenied } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { MemberId } from "../core/member-id.js";

/**
 * For the `authorize` of {@link RaftServices}. A member that is not known here is let in: it may be that the others have taken it in, or made
 * it their leader, and this one has not heard of it yet. That the caller is a manager is seen to before.
 */
export function membersOfTheirNodes(
  callers: CallerIdentity,
  members: () => readonly { readonly raftId: MemberId; readonly nodeId: string }[],
): (context: CallContext, from: MemberId) => void {
  return (context, from) => {
    const { nodeId, forwardedBy } = callers.identify(context);
    const member = members().find(({ raftId }) => raftId === from);
    if (forwardedBy === undefined && (!member || member.nodeId === nodeId)) return;
    throw permissionDenied(`Permission denied: node ${nodeId} does not speak for member ${BigInt(from).toString(16)}`);
  };
}
