/** What the cluster's word on a node's role leads to. Pure. */
import type { Membership } from "./membership.js";

export type RoleStep = "promote" | "demote" | "none";

/**
 * @param role what the node object says
 * @returns what has to be done, and what is known then
 */
export function onRole(membership: Membership, role: Membership["role"]): readonly [RoleStep, Membership] {
  if (role === "manager") {
    // It was just taken out: until the node object says so too, its old word counts for nothing.
    if (membership.isExpelled) return ["none", membership];
    if (membership.role === "manager") return ["none", { ...membership, isConfirmed: true }];
    return ["promote", { ...membership, role: "manager", isConfirmed: true }];
  }
  const now: Membership = { ...membership, isExpelled: false };
  // A node that joins as manager is a worker to the cluster until its manager is taken in.
  if (membership.role === "worker" || !membership.isConfirmed) return ["none", now];
  return ["demote", { ...now, role: "worker", isConfirmed: false }];
}

/** The manager's process says that it was taken out of the cluster's managers. */
export function onExpelled(membership: Membership): Membership {
  // The node object has said so already.
  if (membership.role === "worker") return membership;
  return { ...membership, role: "worker", isConfirmed: false, isExpelled: true };
}
