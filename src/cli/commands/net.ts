import type { Command } from "commander";
import type { CommandMaker } from "../command-maker.js";
import { addListFlags } from "./flags.js";

export function addNetCommands(program: Command, maker: CommandMaker): void {
  const net = maker.group("net", "Compare networks with what the kernels of the nodes hold");
  program.addCommand(net);
  addListFlags(
    maker.leaf(
      net,
      "ls",
      "List networks with their VNI, subnet and nodes",
      async () => (await import("../net/list.js")).listNetCommand,
    ),
  ).alias("list");
  maker
    .leaf(
      net,
      "inspect <network|service>",
      "Ask every node what its kernel holds for a network or service, and mark what drifted",
      async () => (await import("../net/inspect.js")).inspectNet,
    )
    .option("-a, --all", "show every object, not only those that drifted")
    .option("--no-trunc", "show long values in full")
    .option("--exit-code", "end with status 3 when something drifted or a node gave no answer")
    .addHelpText(
      "after",
      "\nExamples:\n  tsctl net inspect shop\n  tsctl net inspect web --all\n  tsctl net inspect shop --exit-code --format json",
    );
}
