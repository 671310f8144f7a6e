import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import type { Invocation } from "../invocation.js";
import { printList } from "../render/list.js";
import { arrangeTasks, taskColumns, taskJson } from "./columns.js";
import type { TaskFilter } from "./filter.js";
import { nodesOf } from "./nodes.js";

/** Prints tasks as every list of tasks does: by slot, the newest first, with the names of their nodes. */
export async function printTasks(
  invocation: Invocation,
  connection: Connection,
  tasks: readonly Task[],
  filter: TaskFilter = () => true,
): Promise<void> {
  const { nodeOf, nodeStateOf } = await nodesOf(invocation, connection, tasks);
  printList(invocation, {
    rows: arrangeTasks(tasks.filter((task) => filter(task, nodeOf))),
    id: ({ task }) => task.id,
    columns: taskColumns(invocation, nodeOf, { withNode: true, nodeStateOf }),
    json: ({ task }) => taskJson(task, nodeOf, nodeStateOf),
  });
}
