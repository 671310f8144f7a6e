import type { Command } from "commander";

/** The flags of every command that shows logs: Docker's. Before the global ones, of which one has `-n` elsewhere. */
export function addLogFlags(command: Command): Command {
  return command
    .option("-f, --follow", "go on as lines are written")
    .option("-n, --tail <lines>", "only the newest so many lines of each task, or all (default all)")
    .option(
      "--since <time>",
      "only lines since a time: 2026-01-31T12:00:00Z, seconds since 1970, or how long ago (10m)",
    )
    .option("-t, --timestamps", "show when each line was written")
    .option("--details", "show labels of the service, and what the log driver says of a line")
    .option("--no-task-ids", "leave task ids out")
    .option("--no-trunc", "show task ids in full")
    .option("--raw", "show lines alone, without the task that they are of");
}
