/** A member of the log speaks for itself alone: its messages come with the certificate of its node. */
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { CallContext } from "../../api/server-call.js";
import { permissionDenied } from "../../api/status-error.js";
import { type CallerIdentity, notPartOf } from "../../security/identity.js";
import type { MemberId } from "../core/member-id.js";

/**
 * For the `authorize` of RaftServices. A member that is not known here is let in, if its node is a manager: it may be that the others have
 * taken it in, or made it their leader, and this one has not heard of it yet.
 */
export function membersOfTheirNodes(
  callers: CallerIdentity,
  members: () => readonly { readonly raftId: MemberId; readonly nodeId: string }[],
): (context: CallContext, from: MemberId) => void {
  return (context, from) => {
    const { nodeId, role, forwardedBy } = callers.identify(context);
    if (role !== NodeRole.MANAGER || forwardedBy !== undefined) throw notPartOf("[swarm-manager]");
    const member = members().find(({ raftId }) => raftId === from);
    if (!member || member.nodeId === nodeId) return;
    throw permissionDenied(`Permission denied: node ${nodeId} does not speak for member ${BigInt(from).toString(16)}`);
  };
}
