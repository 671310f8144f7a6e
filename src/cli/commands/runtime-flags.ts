import type { Command } from "commander";
import { repeated } from "../command-maker.js";

/** Secrets, configs and mounts, for create and update. */
export function addFileFlags(command: Command, of: "create" | "update"): void {
  command.optionsGroup("Files:");
  for (const [name, what] of [
    ["secret", "a secret below /run/secrets"],
    ["config", "a config below /run/configs"],
  ] as const) {
    const how = `NAME, or source=NAME,target=FILE with uid=0, gid=0 and mode=0444`;
    if (of === "create") {
      command.option(`--${name} <${name}>`, `give tasks ${what}: ${how} (may be repeated)`, repeated);
    } else {
      command
        .option(`--${name}-add <${name}>`, `give tasks ${what}, as --${name} of create (may be repeated)`, repeated)
        .option(`--${name}-rm <${name}>`, `give tasks the ${name} no more (may be repeated)`, repeated);
    }
  }
  if (of === "create") {
    command.option(
      "--mount <mount>",
      "type=bind,source=PATH,target=PATH with readonly, or type=tmpfs,target=PATH with tmpfs-size=64M (may be repeated)",
      repeated,
    );
  } else {
    command
      .option("--mount-add <mount>", "mount something, as --mount of create (may be repeated)", repeated)
      .option("--mount-rm <target>", "mount nothing at this path any more (may be repeated)", repeated);
  }
}

/** What processes may do, for create and update. */
export function addRightsFlags(command: Command, of: "create" | "update"): void {
  command
    .optionsGroup("Rights:")
    .option("--cap-add <capability>", "let root in a task do this too, NET_ADMIN, or ALL (may be repeated)", repeated)
    .option("--cap-drop <capability>", "let root in a task do this no more (may be repeated)", repeated);
  if (of === "create") {
    command.option("--ulimit <name=soft:hard>", "limit of each process, nofile=1024:2048 (may be repeated)", repeated);
  } else {
    command
      .option("--ulimit-add <name=soft:hard>", "add or change a limit of each process (may be repeated)", repeated)
      .option("--ulimit-rm <name>", "remove a limit of each process (may be repeated)", repeated);
  }
}

/** For create and update. */
export function addHealthFlags(command: Command): void {
  command
    .optionsGroup("Health:")
    .option("--health-cmd <command>", "shell command that says by status 0 that a task is healthy")
    .option("--health-interval <duration>", "pause between checks (default 30s)")
    .option("--health-timeout <duration>", "a check that takes longer has failed (default 30s)")
    .option("--health-retries <number>", "failures in a row that make a task unhealthy (default 3)")
    .option("--health-start-period <duration>", "time to come up, in which failures do not count (default 0s)")
    .option("--health-start-interval <duration>", "pause between checks within the start period (default 5s)")
    .option("--no-healthcheck", "no health check, not even the image's");
}
