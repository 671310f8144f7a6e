import { LocalNodeService } from "../../api/generated/tswarm/v1/node.js";
import type { Action } from "../invocation.js";
import { printJson } from "../render/list.js";

/** `tsctl leave` */
export const leave: Action = async (invocation) => {
  const { settings, flags, terminal } = invocation;
  const node = await invocation.connectNode();
  const { nodeId } = await node.call(LocalNodeService.info, {});
  await node.call(LocalNodeService.leave, { force: flags.force === true }, settings.longTimeoutMs);
  if (settings.format === "json") printJson(invocation, { nodeId });
  else terminal.write("Node left the swarm.\n");
  return undefined;
};
