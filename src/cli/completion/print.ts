import type { Action } from "../invocation.js";
import { buildProgram } from "../program.js";
import { bashScript } from "./bash.js";
import { fishScript } from "./fish.js";
import { type CompletionCommand, completionModel } from "./model.js";
import { zshScript } from "./zsh.js";

export const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** The script for a shell, from the command tree as it is. */
export function completionScript(shell: keyof typeof SCRIPTS): string {
  const commands: readonly CompletionCommand[] = completionModel(buildProgram(async () => undefined));
  return SCRIPTS[shell](commands);
}

/** `tsctl completion bash|zsh|fish` */
export function printCompletion(shell: keyof typeof SCRIPTS): Action {
  return async ({ terminal }) => {
    terminal.write(completionScript(shell));
    return undefined;
  };
}
