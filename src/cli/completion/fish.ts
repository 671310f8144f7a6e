import type { CompletionCommand, CompletionFlag, ValueSource } from "./model.js";
import { quoted } from "./quoted.js";

/** A script for fish: a function that tells which command is typed, and a line for each thing that may follow it. */
export function fishScript(commands: readonly CompletionCommand[]): string {
  const [program] = commands;
  const globalFlags = new Set(program!.flags.map(({ names }) => names[0]));
  const valued = new Set(
    commands.flatMap(({ flags }) => flags.filter(({ value }) => value).flatMap(({ names }) => names)),
  );
  return `# fish completion of tsctl, made by: tsctl completion fish

# The command that the words so far make, "service ls". A flag's value is none of it.
function __tsctl_path
    set -l path
    set -l pending 0
    for word in (commandline -opc)[2..-1]
        if test $pending = 1
            set pending 0
            continue
        end
        switch $word
            case ${[...valued].join(" ")}
                set pending 1
            case '-*'
            case '*'
                set -l longer (string join ' ' -- $path $word)
                contains -- "$longer" $__tsctl_paths; and set path $path $word
        end
    end
    string join ' ' -- $path
end

function __tsctl_at
    contains -- (__tsctl_path | string collect --allow-empty) $argv
end

set -g __tsctl_paths ${commands
    .slice(1)
    .flatMap(({ paths }) => paths.map(quoted))
    .join(" ")}

complete -c tsctl -f
${program!.flags.map((flag) => flagLine("", flag)).join("")}${commands.map((command) => lines(command, globalFlags)).join("")}`;
}

function lines(
  { paths, commands, flags, argument }: CompletionCommand,
  globalFlags: ReadonlySet<string | undefined>,
): string {
  const at = ` -n ${quoted(`__tsctl_at ${paths.map((path) => `"${path}"`).join(" ")}`)}`;
  const own = flags.filter(({ names }) => !globalFlags.has(names[0]));
  const below = commands.flatMap(({ names, description }) =>
    names.map((name) => `complete -c tsctl${at} -a ${name} -d ${quoted(description)}\n`),
  );
  const source = sourceFlags(argument);
  return [
    ...below,
    ...own.map((flag) => flagLine(at, flag)),
    ...(source ? [`complete -c tsctl${at}${source}\n`] : []),
  ].join("");
}

function flagLine(at: string, { names, description, value }: CompletionFlag): string {
  const flags = names.map((name) => (name.startsWith("--") ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`)).join("");
  const source = value ? ` ${value.kind === "files" ? "-r" : "-x"}${sourceFlags(value)}` : "";
  return `complete -c tsctl${at}${flags}${source} -d ${quoted(description)}\n`;
}

function sourceFlags(source: ValueSource): string {
  switch (source.kind) {
    case "nothing":
      return "";
    case "words":
      return ` -a ${quoted(source.words.join(" "))}`;
    case "files":
      return " -F";
    case "names":
      return ` -a ${quoted(source.of.map((kind) => `(tsctl --timeout 2s completion names ${kind} 2>/dev/null)`).join(" "))}`;
  }
}
