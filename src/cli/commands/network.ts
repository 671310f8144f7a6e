import type { Command } from "commander";
import { type CommandMaker, repeated } from "../command-maker.js";
import { addListFlags } from "./flags.js";

export function addNetworkCommands(program: Command, maker: CommandMaker): void {
  const network = maker.group("network", "Create, list, inspect and remove networks");
  program.addCommand(network);
  maker
    .leaf(
      network,
      "create <name>",
      "Create a network",
      async () => (await import("../network/create.js")).createNetwork,
    )
    .option("--driver <driver>", "network driver (default overlay)")
    .option(
      "--subnet <cidr>",
      "subnet, such as 10.1.0.0/24 or fd00:1::/64; the cluster chooses without (may be repeated)",
      repeated,
    )
    .option(
      "--gateway <address>",
      "address of the subnet that no task gets, one for each --subnet (may be repeated)",
      repeated,
    )
    .option("--ip-range <cidr>", "part of the subnet to give out, one for each --subnet (may be repeated)", repeated)
    .option("--ipv6", "addresses of IPv6 too")
    .option("--internal", "no way out of the network")
    .option("--attachable", "let containers outside of services join")
    .option("--ingress", "make it the network of published ports")
    .option("--encrypted", "encrypt what tasks send to other nodes")
    .option("-o, --opt <key=value>", "option for the driver (may be repeated)", repeated)
    .option("-l, --label <key=value>", "label (may be repeated)", repeated)
    .addHelpText(
      "after",
      "\nExamples:\n  tsctl network create shop\n  tsctl network create --subnet 10.9.0.0/24 --internal back",
    );
  addListFlags(
    maker.leaf(network, "ls", "List networks", async () => (await import("../network/list.js")).listNetworksCommand),
  ).alias("list");
  maker.leaf(
    network,
    "inspect <network...>",
    "Show all that the cluster knows of networks",
    async () => (await import("../network/inspect.js")).inspectNetworks,
  );
  maker
    .leaf(
      network,
      "rm <network...>",
      "Remove networks",
      async () => (await import("../network/remove.js")).removeNetworks,
    )
    .alias("remove");
}
