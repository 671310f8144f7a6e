/** What has to be done so that who manages the cluster is who is meant to. Pure: the store and the members say all. */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { MemberId } from "../../raft/core/member-id.js";

export interface RoleMember {
  readonly raftId: MemberId;
  readonly nodeId: string;
}

export type RoleStep =
  /** The node is a manager from now on: its agent starts one, which asks to be taken in. */
  | { readonly kind: "promote"; readonly nodeId: string }
  /** The node manages no more; it is no member of the log any more. */
  | { readonly kind: "demote"; readonly nodeId: string }
  /** The member goes: its node is meant to be a worker, or is no part of the cluster. */
  | { readonly kind: "remove-member"; readonly raftId: MemberId; readonly nodeId: string }
  /** This manager itself is to go: another must lead first, and will remove it. */
  | { readonly kind: "hand-over" };

export interface RolePlan {
  readonly steps: readonly RoleStep[];
  /** What is wanted and cannot be done now, a line each. */
  readonly blocked: readonly string[];
}

export interface RoleFacts {
  readonly nodes: readonly Pick<Node, "id" | "role" | "spec">[];
  readonly members: readonly RoleMember[];
  /** The leader, who plans. */
  readonly selfNodeId: string;
  /** Whether a quorum that can be reached is left without this member. */
  readonly canRemove: (raftId: MemberId) => boolean;
}

/**
 * A demotion has two steps in this order: out of the members, then a worker. Wherever it is broken off, the next plan goes on
 * from there. At most one member is removed in a plan: whether another may go is a new question then.
 */
export function planRoles({ nodes, members, selfNodeId, canRemove }: RoleFacts): RolePlan {
  const steps: RoleStep[] = [];
  const blocked: string[] = [];
  const memberOf = new Map(members.map((member) => [member.nodeId, member]));
  const known = new Set(nodes.map(({ id }) => id));
  const leaving: RoleMember[] = members.filter(({ nodeId }) => !known.has(nodeId));
  for (const { id, role, spec } of nodes) {
    const member = memberOf.get(id);
    if (spec?.desiredRole === NodeRole.MANAGER) {
      if (role !== NodeRole.MANAGER) steps.push({ kind: "promote", nodeId: id });
    } else if (member) leaving.push(member);
    else if (role === NodeRole.MANAGER) steps.push({ kind: "demote", nodeId: id });
  }
  // Itself last: whoever leads then goes on.
  leaving.sort((a, b) => Number(a.nodeId === selfNodeId) - Number(b.nodeId === selfNodeId));
  const next = leaving.find((member) => member.nodeId === selfNodeId || canRemove(member.raftId));
  for (const { nodeId, raftId } of leaving) {
    if (nodeId !== next?.nodeId && !canRemove(raftId)) {
      blocked.push(`manager ${nodeId} cannot be removed now: the others that can be reached would be no quorum`);
    }
  }
  if (next?.nodeId === selfNodeId) {
    if (members.length > 1) steps.push({ kind: "hand-over" });
    else blocked.push(`manager ${selfNodeId} is the last one: it cannot be removed`);
  } else if (next) steps.push({ kind: "remove-member", raftId: next.raftId, nodeId: next.nodeId });
  return { steps, blocked };
}
