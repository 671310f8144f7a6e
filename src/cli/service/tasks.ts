import { ExitCode } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { namesOf } from "../names.js";
import { findService, listTasks } from "../objects.js";
import { printList } from "../render/list.js";
import { arrangeTasks, taskColumns, taskJson } from "../task/columns.js";
import { readTaskFilter } from "../task/filter.js";

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
  const nodeOf = await namesOf(
    invocation,
    connection,
    "node",
    tasks.map(({ nodeId }) => nodeId),
  );
  printList(invocation, {
    rows: arrangeTasks(tasks.filter((task) => filter(task, nodeOf))),
    id: ({ task }) => task.id,
    columns: taskColumns(invocation, nodeOf, { withNode: true }),
    json: ({ task }) => taskJson(task, nodeOf),
  });
  return failed ? ExitCode.failure : ExitCode.success;
};
