import { ExitCode } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findService, listTasks } from "../objects.js";
import { readTaskFilter } from "../task/filter.js";
import { printTasks } from "../task/print.js";

/** `tsctl service ps SERVICE…` */
export const listServiceTasks: Action = async (invocation) => {
  const filter = readTaskFilter(new FlagReader(invocation.flags).texts("--filter"), "--filter");
  const connection = await invocation.connect();
  const serviceIds: string[] = [];
  const failed = await forEachArgument(invocation, async (argument) => {
    serviceIds.push((await findService(connection, argument)).id);
  });
  if (serviceIds.length === 0) return ExitCode.failure;
  const tasks = (await listTasks(connection, { serviceIds })).filter(({ serviceId }) => serviceIds.includes(serviceId));
  await printTasks(invocation, connection, tasks, filter);
  return failed ? ExitCode.failure : ExitCode.success;
};
