import type { LogSelector } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Service, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Connection } from "../connection.js";
import { CommandError, ExitCode } from "../failure.js";
import type { Action, Invocation } from "../invocation.js";
import { findService, findTask, listTasks } from "../objects.js";
import { visible } from "../render/table.js";
import { type LogFlags, readLogFlags } from "./log-flags.js";
import { LogNames } from "./log-names.js";
import { LogOutput } from "./log-output.js";
import { LogReading } from "./log-reading.js";

/** What is to be read, and the tasks of it that are known. */
interface Wanted {
  readonly selector: LogSelector;
  readonly tasks: readonly Task[];
}

/** `tsctl service logs SERVICE…`; as with Docker's, a task may stand for a service. */
export const serviceLogs: Action = async (invocation) => {
  const flags = readLogFlags(invocation);
  const connection = await invocation.connect();
  const found = await Promise.all(invocation.args.map((argument) => serviceOrTask(connection, argument)));
  const serviceIds = found.flatMap(({ service }) => service?.id ?? []);
  const tasks = found.flatMap(({ task }) => task ?? []);
  const selector = { serviceIds, nodeIds: [], taskIds: tasks.map(({ id }) => id) };
  const ofServices = serviceIds.length > 0 ? await listTasks(connection, { serviceIds }) : [];
  return await read(invocation, flags, connection, { selector, tasks: [...ofServices, ...tasks] });
};

/** `tsctl task logs TASK…` */
export const taskLogs: Action = async (invocation) => {
  const flags = readLogFlags(invocation);
  const connection = await invocation.connect();
  const tasks = await Promise.all(invocation.args.map((argument) => findTask(connection, argument)));
  const selector = { serviceIds: [], nodeIds: [], taskIds: tasks.map(({ id }) => id) };
  return await read(invocation, flags, connection, { selector, tasks });
};

async function serviceOrTask(
  connection: Connection,
  argument: string,
): Promise<{ readonly service?: Service; readonly task?: Task }> {
  try {
    return { service: await findService(connection, argument) };
  } catch (error) {
    if (!(error instanceof CommandError) || !error.message.startsWith("no such service")) throw error;
    const task = await findTask(connection, argument).catch(() => undefined);
    if (!task) throw new CommandError(`no such service or task: ${argument}`);
    return { task };
  }
}

/** @returns the exit status: what is missing is warned of; that nothing could be read is a failure */
async function read(
  invocation: Invocation,
  flags: LogFlags,
  connection: Connection,
  { selector, tasks }: Wanted,
): Promise<number> {
  const { terminal, settings } = invocation;
  const names = new LogNames(connection, settings.resolveNames, () => terminal.now());
  names.learn(tasks);
  const output = new LogOutput(invocation, flags, names);
  const placed = tasks.filter(({ nodeId }) => nodeId !== "");
  const [first] = placed;
  if (first) await names.originOf({ serviceId: first.serviceId, nodeId: first.nodeId, taskId: first.id });
  output.expect(placed.map(({ id, serviceId, nodeId }) => names.origin({ taskId: id, serviceId, nodeId })));
  const reading = new LogReading(connection, selector, flags, {
    show: (messages) => output.show(messages),
    warn: (text) => terminal.writeError(`tsctl: warning: ${visible(text)}\n`),
    now: () => terminal.now(),
  });
  const isComplete = await reading.run();
  await output.finish();
  return !isComplete && output.count === 0 ? ExitCode.failure : ExitCode.success;
}
