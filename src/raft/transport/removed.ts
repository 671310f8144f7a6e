/** How a member learns from others that it was removed: code and text are SwarmKit's. */
import { status } from "@grpc/grpc-js";
import { notFound } from "../../api/status-error.js";

const TEXT = "raft: member was removed from the cluster";

export const memberRemoved = () => notFound(TEXT);

/** Of a node that is not only no manager any more, but is gone from the cluster. */
const NODE_REMOVED = / was removed from swarm$/;

export function saysRemoved({ code, details }: { readonly code: status; readonly details: string }): boolean {
  if (code === status.PERMISSION_DENIED) return NODE_REMOVED.test(details);
  return code === status.NOT_FOUND && details === TEXT;
}
