/** What the cluster's word on a node's role leads to. Pure. */
import type { Membership } from "./membership.js";

export type RoleStep = "promote" | "demote" | "none";

/**
 * @param role what the node object says
 * @returns what has to be done, and what is known then
 */
export function onRole(membership: Membership, role: Membership["role"]): readonly [RoleStep, Membership] {
  if (role === "worker") {
    const now: Membership = { ...membership, role, isExpelled: false };
    return [membership.role === "worker" ? "none" : "demote", now];
  }
  // It was just taken out: until the node object says so too, its old word counts for nothing.
  if (membership.role === "manager" || membership.isExpelled) return ["none", membership];
  return ["promote", { ...membership, role }];
}

/** The manager's process says that it was taken out of the cluster's managers. */
export function onExpelled(membership: Membership): Membership {
  // The node object has said so already.
  if (membership.role === "worker") return membership;
  return { ...membership, role: "worker", isExpelled: true };
}
