import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { findNode, findService, listTasks } from "../objects.js";
import { printTasks } from "./print.js";

/** `tsctl task ls` */
export const listTasksCommand: Action = async (invocation) => {
  const flags = new FlagReader(invocation.flags);
  const serviceFlags = flags.values("--service", nonEmpty);
  const nodeFlags = flags.values("--node", nonEmpty);
  const connection = await invocation.connect();
  const services = await Promise.all(serviceFlags.map((argument) => findService(connection, argument)));
  const nodes = await Promise.all(nodeFlags.map((argument) => findNode(connection, argument)));
  const serviceIds = services.map(({ id }) => id);
  const nodeIds = nodes.map(({ id }) => id);
  const tasks = (await listTasks(connection, { serviceIds, nodeIds })).filter(
    (task) =>
      (flags.isSet("--all") || task.desiredState <= TaskState.COMPLETE) &&
      (serviceIds.length === 0 || serviceIds.includes(task.serviceId)) &&
      (nodeIds.length === 0 || nodeIds.includes(task.nodeId)),
  );
  await printTasks(invocation, connection, tasks);
  return undefined;
};
