import { LocalManagerService } from "../../api/generated/tswarm/v1/manager.js";
import type { Action } from "../invocation.js";
import { namesOf } from "../names.js";
import { findNode } from "../objects.js";
import { printJson } from "../render/list.js";

/** `tsctl debug transfer [NODE]` */
export const transferLeadership: Action = async (invocation) => {
  const connection = await invocation.connect();
  const [argument] = invocation.args;
  const nodeId = argument === undefined ? "" : (await findNode(connection, argument)).id;
  const { leaderNodeId } = await connection.call(LocalManagerService.transferLeadership, { nodeId });
  if (invocation.settings.format === "json") {
    printJson(invocation, { leaderNodeId });
    return undefined;
  }
  const nameOf = await namesOf(invocation, connection, "node", [leaderNodeId]);
  invocation.terminal.write(`${nameOf(leaderNodeId)} leads.\n`);
  return undefined;
};
