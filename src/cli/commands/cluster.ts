import type { Command } from "commander";
import type { CommandMaker } from "../command-maker.js";
import { addListFlags } from "./flags.js";
import { addLeave, addUnlock, addUnlockKey, addUpdate } from "./swarm.js";

export function addClusterCommands(program: Command, maker: CommandMaker): void {
  const cluster = maker.group("cluster", "Settings of the cluster, and the lock of its managers");
  program.addCommand(cluster);
  addListFlags(
    maker.leaf(cluster, "ls", "List clusters", async () => (await import("../cluster/list.js")).listClustersCommand),
  ).alias("list");
  maker.leaf(
    cluster,
    "inspect [cluster...]",
    "Show the settings of the cluster",
    async () => (await import("../cluster/inspect.js")).inspectClusters,
  );
  addUpdate(cluster, maker);
  addUnlock(cluster, maker);
  addUnlockKey(cluster, maker);
  addLeave(cluster, maker);
}
