import type { Command } from "commander";
import { type CommandMaker, repeated } from "../command-maker.js";
import { addListFlags } from "./flags.js";

export function addNodeCommands(program: Command, maker: CommandMaker): void {
  const node = maker.group("node", "List, inspect and change nodes");
  program.addCommand(node);
  addListFlags(
    maker.leaf(node, "ls", "List nodes", async () => (await import("../node/list.js")).listNodesCommand),
  ).alias("list");
  addListFlags(
    maker.leaf(
      node,
      "ps [node...]",
      "List the tasks of nodes, of this manager's own without an argument",
      async () => (await import("../node/tasks.js")).listNodeTasks,
    ),
  )
    .alias("tasks")
    .option(
      "-f, --filter <key=value>",
      "only tasks with desired-state=, node=, name= or id= (may be repeated; values of one key are alternatives)",
      repeated,
    );
  maker.leaf(
    node,
    "inspect <node...>",
    "Show all that is known of nodes",
    async () => (await import("../node/inspect.js")).inspectNodes,
  );
  maker.leaf(
    node,
    "promote <node...>",
    "Make managers of nodes",
    async () => (await import("../node/role.js")).promoteNodes,
  );
  maker.leaf(
    node,
    "demote <node...>",
    "Make workers of managers",
    async () => (await import("../node/role.js")).demoteNodes,
  );
  maker
    .leaf(node, "update <node...>", "Change nodes", async () => (await import("../node/update.js")).updateNodeCommand)
    .option("--availability <availability>", "active, pause (no new tasks) or drain (no tasks)")
    .option("--role <role>", "manager or worker")
    .option("--label-add <key=value>", "add or change a label (may be repeated)", repeated)
    .option("--label-rm <key>", "remove a label (may be repeated)", repeated);
  maker
    .leaf(
      node,
      "rm <node...>",
      "Remove nodes that are down and no managers",
      async () => (await import("../node/remove.js")).removeNodes,
    )
    .alias("remove")
    .option("-f, --force", "also nodes that are not down, and managers that cannot be demoted any more");
}
