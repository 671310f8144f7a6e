import type { Command } from "commander";
import { type CommandMaker, repeated } from "../command-maker.js";
import { addListFlags } from "./flags.js";
import { addLogFlags } from "./log-flags.js";

export function addTaskCommands(program: Command, maker: CommandMaker): void {
  const task = maker.group("task", "List and inspect tasks, show their logs");
  program.addCommand(task);
  addListFlags(maker.leaf(task, "ls", "List tasks", async () => (await import("../task/list.js")).listTasksCommand))
    .alias("list")
    .option("-a, --all", "also tasks that have ended or are to end")
    .option("--service <service>", "only tasks of a service (may be repeated)", repeated)
    .option("--node <node>", "only tasks on a node (may be repeated)", repeated);
  maker.leaf(
    task,
    "inspect <task...>",
    "Show all that is known of tasks, named by id or as SERVICE.SLOT",
    async () => (await import("../task/inspect.js")).inspectTasks,
  );
  addLogFlags(
    maker.leaf(
      task,
      "logs <task...>",
      "Show what tasks have written, named by id or as SERVICE.SLOT; with --follow until they end",
      async () => (await import("../logs/commands.js")).taskLogs,
    ),
  );
}
