import type { Command } from "commander";
import type { CommandMaker } from "../command-maker.js";

export function addVersionCommand(program: Command, maker: CommandMaker): void {
  maker.leaf(
    program,
    "version",
    "Show the versions of tsctl and, when it answers, of tswarmd",
    async () => (await import("../version.js")).version,
  );
}
