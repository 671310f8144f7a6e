import test from "ava";
import { NodeSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { planRoles, type RoleStep } from "../../../src/manager/membership/role-plan.js";

/** "a:MM+": node a, wanted as manager, is a manager, and is a member; "-" is none; a lower-case w is a worker. */
type NodeText = string;

const ROLES = { M: NodeRole.MANAGER, w: NodeRole.WORKER } as const;

function plan(nodes: readonly NodeText[], strangers: readonly string[] = [], immovable: readonly string[] = []) {
  const read = nodes.map((text) => {
    const [, id, desired, role, member] = /^(\w+):([Mw])([Mw])([+-])$/.exec(text)!;
    const spec = NodeSpec.fromPartial({ desiredRole: ROLES[desired as "M" | "w"] });
    return { node: { id: id!, spec, role: ROLES[role as "M" | "w"] }, isMember: member === "+" };
  });
  const members = [...read.filter(({ isMember }) => isMember).map(({ node }) => node.id), ...strangers];
  const { steps, blocked } = planRoles({
    nodes: read.map(({ node }) => node),
    members: members.map((nodeId) => ({ nodeId, raftId: `raft-${nodeId}` })),
    selfNodeId: "self",
    canRemove: (raftId) => !immovable.includes(raftId.replace("raft-", "")),
  });
  return { steps: steps.map(show), blocked: blocked.length };
}

const show = (step: RoleStep) => (step.kind === "hand-over" ? "hand over" : `${step.kind} ${step.nodeId}`);

type Row = readonly [
  what: string,
  nodes: readonly NodeText[],
  steps: readonly string[],
  more?: { readonly strangers?: readonly string[]; readonly immovable?: readonly string[]; readonly blocked?: number },
];

const ROWS: readonly Row[] = [
  ["all is as it should be", ["self:MM+", "a:MM+", "w:ww-"], []],
  ["a worker is promoted at once", ["self:MM+", "a:Mw-"], ["promote a"]],
  ["a promoted one that has not come yet is waited for", ["self:MM+", "a:MM-"], []],
  ["a demotion begins with the member", ["self:MM+", "a:wM+", "b:MM+"], ["remove-member a"]],
  ["a demotion whose member is gone goes on", ["self:MM+", "a:wM-"], ["demote a"]],
  ["one that was demoted before it came", ["self:MM+", "a:wM-", "b:MM+"], ["demote a"]],
  ["a worker that is still a member", ["self:MM+", "a:ww+", "b:MM+"], ["remove-member a"]],
  ["the member of a node that is gone", ["self:MM+", "a:MM+"], ["remove-member x"], { strangers: ["x"] }],
  ["one removal at a time", ["self:MM+", "a:wM+", "b:wM+"], ["remove-member a"]],
  [
    "who cannot go does not hold up another",
    ["self:MM+", "a:wM+", "b:wM+"],
    ["remove-member b"],
    { immovable: ["a"], blocked: 1 },
  ],
  ["without a quorum of the rest nobody goes", ["self:MM+", "a:wM+"], [], { immovable: ["a"], blocked: 1 }],
  [
    "promotions do not wait for removals",
    ["self:MM+", "a:wM+", "b:Mw-"],
    ["promote b"],
    { immovable: ["a"], blocked: 1 },
  ],
  ["the leader itself hands over", ["self:wM+", "a:MM+"], ["hand over"]],
  ["others go before the leader", ["self:wM+", "a:wM+", "b:MM+"], ["remove-member a"]],
  ["the last one stays", ["self:wM+"], [], { blocked: 1 }],
];

for (const [what, nodes, steps, { strangers, immovable, blocked = 0 } = {}] of ROWS) {
  test(what, (t) => {
    t.deepEqual(plan(nodes, strangers, immovable), { steps: [...steps], blocked });
  });
}

test("from every state in which a leader may stop, the next one comes to the same end", (t) => {
  // A leader stops before each of its steps; what it has done stands.
  for (const wanted of ["M", "w"]) {
    for (const role of ["M", "w"]) {
      for (const member of ["+", "-"]) {
        let node = `a:${wanted}${role}${member}`;
        for (let left = 5; left > 0; left--) {
          const [step] = plan(["self:MM+", "b:MM+", node]).steps;
          if (step === "promote a") node = node.replace(/^(a:M)w/, "$1M");
          else if (step === "demote a") node = node.replace(/^(a:w)M/, "$1w");
          else if (step === "remove-member a") node = node.replace("+", "-");
          else break;
        }
        t.regex(node, wanted === "M" ? /^a:MM/ : /^a:ww-$/);
      }
    }
  }
});
