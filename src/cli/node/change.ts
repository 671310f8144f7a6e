import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { NodeSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import type { Connection } from "../connection.js";
import { CommandError } from "../failure.js";
import { nodeName } from "../objects.js";
import { untilFresh } from "../until-fresh.js";

/**
 * Changes a node as it is at this moment; when someone else was faster, the change is applied to their result.
 * @param change run again for every try; undefined when nothing needs to change
 * @returns whether something was changed
 */
export function changeNode(
  connection: Connection,
  node: Node,
  change: (spec: NodeSpec) => NodeSpec | undefined,
): Promise<boolean> {
  return untilFresh(`node ${nodeName(node) || node.id}`, node, {
    async write(current) {
      if (current.spec === undefined) throw new CommandError(`node ${current.id} has no specification to change`);
      const spec = change(current.spec);
      if (!spec) return false;
      const request = { nodeId: current.id, nodeVersion: current.meta?.version, spec };
      await connection.call(ControlService.updateNode, request);
      return true;
    },
    async reread() {
      return (await connection.call(ControlService.getNode, { nodeId: node.id })).node;
    },
  });
}
