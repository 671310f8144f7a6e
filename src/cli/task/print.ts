import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import type { Invocation } from "../invocation.js";
import { namesOf } from "../names.js";
import { printList } from "../render/list.js";
import { arrangeTasks, taskColumns, taskJson } from "./columns.js";
import type { TaskFilter } from "./filter.js";

/** Prints tasks as every list of tasks does: by slot, the newest first, with the names of their nodes. */
export async function printTasks(
  invocation: Invocation,
  connection: Connection,
  tasks: readonly Task[],
  filter: TaskFilter = () => true,
): Promise<void> {
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
}
