import type { Command } from "commander";

/** Limits and reservations, for create and update. */
export function addResourceFlags(command: Command): void {
  command
    .optionsGroup("Resources:")
    .option("--limit-cpu <cpus>", "at most so many CPUs, 0.5 for a half")
    .option("--limit-memory <size>", "at most so much memory, 64M or 1g")
    .option("--limit-pids <number>", "at most so many processes and threads (0 no limit)")
    .option("--reserve-cpu <cpus>", "CPUs that a node must have left")
    .option("--reserve-memory <size>", "memory that a node must have left");
}

/** What happens when tasks end and when the service changes, for create and update. */
export function addPolicyFlags(command: Command): void {
  command
    .optionsGroup("Restart:")
    .option("--restart-condition <condition>", "none, on-failure or any (default any)")
    .option("--restart-delay <duration>", "pause before a restart (default 5s)")
    .option("--restart-max-attempts <number>", "restarts before it gives up (0 no limit)")
    .option("--restart-window <duration>", "time over which attempts are counted");
  for (const [prefix, title, what] of [
    ["update", "Update:", "an update"],
    ["rollback", "Rollback:", "a rollback"],
  ] as const) {
    const actions = prefix === "update" ? "pause, continue or rollback" : "pause or continue";
    command
      .optionsGroup(title)
      .option(`--${prefix}-parallelism <number>`, `tasks that ${what} replaces at once (0 all)`)
      .option(`--${prefix}-delay <duration>`, `pause of ${what} between tasks`)
      .option(`--${prefix}-order <order>`, "start-first or stop-first")
      .option(`--${prefix}-failure-action <action>`, `when ${what} fails: ${actions}`)
      .option(`--${prefix}-monitor <duration>`, "how long a new task must run to count as good")
      .option(`--${prefix}-max-failure-ratio <ratio>`, `share of tasks that may fail, 0 to 1`);
  }
}
