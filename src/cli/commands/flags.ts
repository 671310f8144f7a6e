import type { Command } from "commander";

/** The flags of every command that lists. */
export function addListFlags(command: Command): Command {
  return command.option("-q, --quiet", "print full ids only").option("--no-trunc", "show ids and long texts in full");
}

/** The flags of every command that changes a service and then waits. */
export function addWaitFlags(command: Command): Command {
  return command
    .optionsGroup("Waiting:")
    .option("-d, --detach", "do not wait until the service has converged")
    .option("-q, --quiet", "wait without showing progress")
    .option("--verify <duration>", "how long all tasks must run before the service counts as converged (default 1s)");
}
