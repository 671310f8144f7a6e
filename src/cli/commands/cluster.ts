import type { Command } from "commander";
import type { CommandMaker } from "../program.js";
import { addListFlags } from "./flags.js";

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
  maker
    .leaf(
      cluster,
      "update",
      "Change settings of the cluster",
      async () => (await import("../cluster/update.js")).updateCluster,
    )
    .option("--autolock [on]", "true or false: managers that restart wait for the unlock key")
    .option("--snapshot-interval <entries>", "entries of the managers' log between two snapshots")
    .option("--log-entries-for-slow-followers <entries>", "entries kept after a snapshot, for managers that lag")
    .option("--task-history-limit <number>", "ended tasks that are kept for each slot of a service")
    .option("--dispatcher-heartbeat <duration>", "how often nodes tell a manager that they live");
  maker.leaf(
    cluster,
    "unlock",
    "Open the log of a locked manager; the key is asked for, or read from standard input",
    async () => (await import("../cluster/unlock.js")).unlock,
  );
  maker
    .leaf(
      cluster,
      "unlock-key",
      "Show the key that opens locked managers",
      async () => (await import("../cluster/unlock-key.js")).unlockKey,
    )
    .option("--rotate", "make a new key first")
    .option("-q, --quiet", "print the key alone");
  maker
    .leaf(
      cluster,
      "leave",
      "Take the manager that answers out of the cluster's managers; its node stays as a worker",
      async () => (await import("../cluster/leave.js")).leaveManagers,
    )
    .option("-f, --force", "also when the managers that stay have no quorum then");
}
