import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { ExitCode } from "../failure.js";
import { forEachArgument } from "../inspect.js";
import type { Action, Invocation } from "../invocation.js";
import { findNode, nodeName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { changeNode } from "./change.js";

/** `tsctl node promote NODE…` */
export const promoteNodes: Action = (invocation) =>
  setRole(invocation, NodeRole.MANAGER, {
    done: (name) => `Node ${name} promoted to a manager in the swarm.`,
    already: (name) => `Node ${name} is already a manager.`,
  });

/** `tsctl node demote NODE…` */
export const demoteNodes: Action = (invocation) =>
  setRole(invocation, NodeRole.WORKER, {
    done: (name) => `Manager ${name} demoted in the swarm.`,
    already: (name) => `Node ${name} is already a worker.`,
  });

interface Words {
  readonly done: (name: string) => string;
  readonly already: (name: string) => string;
}

async function setRole(invocation: Invocation, desiredRole: NodeRole, words: Words): Promise<number> {
  const connection = await invocation.connect();
  const changed: { id: string; name: string }[] = [];
  const asJson = invocation.settings.format === "json";
  const say = (line: string) => {
    if (!asJson) invocation.terminal.write(`${line}\n`);
  };
  const failed = await forEachArgument(invocation, async (argument) => {
    const node: Node = await findNode(connection, argument);
    const didChange = await changeNode(connection, node, (spec) =>
      spec.desiredRole === desiredRole ? undefined : { ...spec, desiredRole },
    );
    say(didChange ? words.done(argument) : words.already(argument));
    if (didChange) changed.push({ id: node.id, name: nodeName(node) });
  });
  if (asJson) printChanged(invocation, changed, "id");
  return failed ? ExitCode.failure : ExitCode.success;
}
