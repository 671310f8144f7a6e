import type { Command } from "commander";
import { repeated } from "../command-maker.js";

/** Limits and reservations, for create and update. */
export function addResourceFlags(command: Command, of: "create" | "update"): void {
  command
    .optionsGroup("Resources:")
    .option("--limit-cpu <cpus>", "at most so many CPUs, 0.5 for a half")
    .option("--limit-memory <size>", "at most so much memory, 64M or 1g")
    .option("--limit-pids <number>", "at most so many processes and threads (0 no limit)")
    .option("--memory-swap <size>", "swap beside the memory limit (default as much as that; -1 no limit)")
    .option("--memory-swappiness <percent>", "how readily memory is swapped out, 0 to 100 (-1 the node's)")
    .option("--reserve-cpu <cpus>", "CPUs that a node must have left")
    .option("--reserve-memory <size>", "memory that a node must have left");
  if (of === "create") {
    command.option(
      "--generic-resource <kind=number>",
      "resources of its own kind that a node must have left, gpu=2 (may be repeated)",
      repeated,
    );
  } else {
    command
      .option(
        "--generic-resource-add <kind=number>",
        "reserve such resources, or another number (may be repeated)",
        repeated,
      )
      .option("--generic-resource-rm <kind>", "reserve none of the kind any more (may be repeated)", repeated);
  }
}

/** Where tasks run, for create and update. */
export function addPlacementFlags(command: Command, of: "create" | "update"): void {
  command.optionsGroup("Placement:");
  if (of === "create") {
    command
      .option(
        "--constraint <constraint>",
        "KEY==VALUE or KEY!=VALUE, such as node.hostname==host1 (may be repeated)",
        repeated,
      )
      .option("--placement-pref <preference>", "spread=node.labels.NAME (may be repeated)", repeated);
  } else {
    command
      .option("--constraint-add <constraint>", "add a constraint (may be repeated)", repeated)
      .option("--constraint-rm <constraint>", "remove a constraint (may be repeated)", repeated)
      .option("--placement-pref-add <preference>", "add a preference, the finest (may be repeated)", repeated)
      .option("--placement-pref-rm <preference>", "remove a preference (may be repeated)", repeated);
  }
  command
    .option("--replicas-max-per-node <number>", "at most so many tasks on a node (0 no limit)")
    .option(
      "--placement-strategy <strategy>",
      "spread over nodes, or binpack: fill one after the other (default the cluster's)",
    );
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
    if (prefix === "update") {
      command.option(
        "--update-progress-deadline <duration>",
        "an update that makes no progress for so long has failed (default 10m, 0 never)",
      );
    }
  }
}
