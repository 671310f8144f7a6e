import { ExitCode } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findNode, listTasks, SELF } from "../objects.js";
import { readTaskFilter } from "../task/filter.js";
import { printTasks } from "../task/print.js";

/** `tsctl node ps [NODE…]`: without an argument the node of the manager that answers. */
export const listNodeTasks: Action = async (invocation) => {
  const filter = readTaskFilter(new FlagReader(invocation.flags).texts("--filter"), "--filter");
  const connection = await invocation.connect();
  const args = invocation.args.length > 0 ? invocation.args : [SELF];
  const nodeIds: string[] = [];
  const failed = await forEachArgument({ ...invocation, args }, async (argument) => {
    nodeIds.push((await findNode(connection, argument)).id);
  });
  if (nodeIds.length === 0) return ExitCode.failure;
  const tasks = (await listTasks(connection, { nodeIds })).filter(({ nodeId }) => nodeIds.includes(nodeId));
  await printTasks(invocation, connection, tasks, filter);
  return failed ? ExitCode.failure : ExitCode.success;
};
