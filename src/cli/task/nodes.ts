import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import type { Invocation } from "../invocation.js";
import type { NameOf } from "../names.js";
import { listNodes, nodeName } from "../objects.js";
import { nodeState } from "../render/words.js";

/** What a list of tasks says of their nodes. */
export interface TaskNodes {
  readonly nodeOf: NameOf;
  /** `ready`, `down`, …; empty for a node that is not known. */
  readonly nodeStateOf: NameOf;
}

/** One look at the nodes; none, and nothing but ids, when --no-resolve was given or no task has a node. */
export async function nodesOf(
  invocation: Invocation,
  connection: Connection,
  tasks: readonly Task[],
): Promise<TaskNodes> {
  if (!invocation.settings.resolveNames || tasks.every(({ nodeId }) => nodeId === "")) {
    return { nodeOf: (id) => id, nodeStateOf: () => "" };
  }
  const nodes = new Map((await listNodes(connection)).map((node) => [node.id, node]));
  return {
    nodeOf: (id) => {
      const node = nodes.get(id);
      return (node && nodeName(node)) || id;
    },
    nodeStateOf: (id) => {
      const node = nodes.get(id);
      return node ? nodeState(node) : "";
    },
  };
}
