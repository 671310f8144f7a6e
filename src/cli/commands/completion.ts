import type { Command } from "commander";
import type { CommandMaker } from "../command-maker.js";

const SHELLS = ["bash", "zsh", "fish"] as const;

export function addCompletionCommands(program: Command, maker: CommandMaker): void {
  const completion = maker.group("completion", "Let a shell complete what is typed after tsctl").addHelpText(
    "after",
    `
  source <(tsctl completion bash)                 bash; zsh likewise
  tsctl completion fish | source                  fish`,
  );
  program.addCommand(completion);
  for (const shell of SHELLS) {
    maker.leaf(completion, shell, `Print the script for ${shell}`, async () =>
      (await import("../completion/print.js")).printCompletion(shell),
    );
  }
  maker.leaf(
    completion,
    "names <kind>",
    "Print the names of nodes, services, networks, tasks, secrets or configs, one a line, as these scripts ask for them",
    async () => (await import("../completion/names.js")).printNames,
  );
}
