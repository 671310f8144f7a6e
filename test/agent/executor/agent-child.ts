/** An agent that starts tasks and is then killed: run as a process of its own by the adoption tests. */
import type { TaskSandbox } from "../../../src/agent/executor/executor.js";
import { ProcessExecutor } from "../../../src/agent/executor/process/process-executor.js";
import { processTask } from "./task-bed.js";

interface Order {
  readonly stateDir: string;
  readonly nodeId: string;
  readonly sandbox: TaskSandbox;
  readonly tasks: readonly { readonly id: string; readonly command: readonly string[] }[];
}

const order = JSON.parse(process.argv[2]!) as Order;
const executor = new ProcessExecutor({ ...order, log: (line) => console.error(line) });
const pids = await Promise.all(
  order.tasks.map(async ({ id, command }) => {
    const controller = executor.controller(processTask(id, command));
    await controller.prepare();
    const { pid } = await controller.start(order.sandbox);
    return pid;
  }),
);
console.log(JSON.stringify(pids));
