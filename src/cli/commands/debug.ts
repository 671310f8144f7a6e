import type { Command } from "commander";
import type { CommandMaker } from "../command-maker.js";

export function addDebugCommands(program: Command, maker: CommandMaker): void {
  const debug = maker.group("debug", "Look into a manager and its log");
  program.addCommand(debug);
  maker.leaf(
    debug,
    "raft",
    "Show the manager that answers: role, term, its peers and its log",
    async () => (await import("../debug/raft.js")).debugRaft,
  );
  maker
    .leaf(
      debug,
      "wal",
      "Read the log of a manager that does not run, also a damaged one",
      async () => (await import("../debug/wal.js")).debugWal,
    )
    .option("-d, --state-dir <dir>", "the node's state folder (default /var/lib/swarmd)")
    .option("--from <index>", "begin at this entry")
    .option("--limit <number>", "show at most so many entries (default all)")
    .option("--unlock-key-file <path>", "file with the unlock key, - for standard input");
  maker.leaf(
    debug,
    "snapshot",
    "Let the manager that answers write a snapshot now",
    async () => (await import("../debug/snapshot.js")).takeSnapshot,
  );
  maker.leaf(
    debug,
    "transfer [node]",
    "Hand leadership to another manager, the most advanced one unless said otherwise",
    async () => (await import("../debug/transfer.js")).transferLeadership,
  );
}
