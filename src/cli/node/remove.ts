import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { ExitCode } from "../failure.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findNode, nodeName } from "../objects.js";
import { printChanged } from "../render/changed.js";

/** `tsctl node rm NODE…` */
export const removeNodes: Action = async (invocation) => {
  const connection = await invocation.connect();
  const removed: { id: string; name: string }[] = [];
  const failed = await forEachArgument(invocation, async (argument) => {
    const node = await findNode(connection, argument);
    await connection.call(ControlService.removeNode, { nodeId: node.id, force: invocation.flags.force === true });
    removed.push({ id: node.id, name: nodeName(node) });
  });
  printChanged(invocation, removed, "name");
  return failed ? ExitCode.failure : ExitCode.success;
};
