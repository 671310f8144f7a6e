/** How a member learns from others that it was removed: code and text are SwarmKit's. */
import { status } from "@grpc/grpc-js";
import { notFound } from "../../api/status-error.js";

const TEXT = "raft: member was removed from the cluster";

export const memberRemoved = () => notFound(TEXT);

export function saysRemoved(error: { readonly code: status; readonly details: string }): boolean {
  return error.code === status.NOT_FOUND && error.details === TEXT;
}
