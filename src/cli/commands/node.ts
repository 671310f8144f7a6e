import type { Command } from "commander";
import type { CommandMaker } from "../program.js";
import { addListFlags } from "./flags.js";

export function addNodeCommands(program: Command, maker: CommandMaker): void {
  const node = maker.group("node", "List and inspect nodes");
  program.addCommand(node);
  addListFlags(
    maker.leaf(node, "ls", "List nodes", async () => (await import("../node/list.js")).listNodesCommand),
  ).alias("list");
  maker.leaf(
    node,
    "inspect <node...>",
    "Show all that is known of nodes",
    async () => (await import("../node/inspect.js")).inspectNodes,
  );
}
