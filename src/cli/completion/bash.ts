import type { CompletionCommand, ValueSource } from "./model.js";
import { quoted } from "./quoted.js";

/** A script for bash: tables of the command tree, and one function that reads them. */
export function bashScript(commands: readonly CompletionCommand[]): string {
  return `# bash completion of tsctl, made by: tsctl completion bash

# What may follow a command, by the words before: sets commands, flags, valued, argument.
_tsctl_table() {
  case "$1" in
${commands.map(tableRow).join("")}    *) return 1 ;;
  esac
}

# What may be the value of a flag: sets source.
_tsctl_value() {
  case "$1 $2" in
${commands.flatMap(valueRows).join("")}    *) source="" ;;
  esac
}

# Replies with what a source gives: words, files, or names that the cluster knows.
_tsctl_reply() {
  local cur="$1" source="$2" kind names=""
  case "$source" in
    files) COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null ;;
    names\\ *)
      for kind in \${source#names }; do
        [[ $kind == "=" ]] && continue
        names+=" $(tsctl "\${_tsctl_global[@]}" --timeout 2s completion names "$kind" 2>/dev/null)"
      done
      if [[ $source == *" =" ]]; then
        compopt -o nospace 2>/dev/null
        COMPREPLY=($(compgen -S = -W "$names" -- "$cur"))
      else
        COMPREPLY=($(compgen -W "$names" -- "$cur"))
      fi ;;
    *) COMPREPLY=($(compgen -W "$source" -- "$cur")) ;;
  esac
}

_tsctl() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" pending="" word i source=""
  local commands="" flags="" valued="" argument=""
  local -a _tsctl_global=()
  COMPREPLY=()
  _tsctl_table ""
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # readline splits --flag=value at the sign.
    [[ $word == "=" ]] && continue
    if [[ -n $pending ]]; then
      [[ $pending == -s || $pending == --socket ]] && _tsctl_global=(-s "$word")
      pending=""
      continue
    fi
    case "$word" in
      --) return 0 ;;
      -*) [[ " $valued " == *" $word "* ]] && pending="$word" ;;
      *) [[ " $commands " == *" $word "* ]] && path="\${path:+$path }$word" && _tsctl_table "$path" ;;
    esac
  done
  [[ $cur == "=" ]] && cur=""
  if [[ -n $pending ]]; then
    _tsctl_value "$path" "$pending"
    _tsctl_reply "$cur" "$source"
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  elif [[ -n $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  else
    _tsctl_reply "$cur" "$argument"
  fi
}

complete -F _tsctl tsctl
`;
}

function tableRow({ paths, commands, flags, argument }: CompletionCommand): string {
  const names = commands.flatMap((command) => command.names);
  const valued = flags.filter(({ value }) => value !== undefined).flatMap((flag) => flag.names);
  return `    ${paths.map(quoted).join("|")})
      commands=${quoted(names.join(" "))}
      flags=${quoted(flags.flatMap((flag) => flag.names).join(" "))}
      valued=${quoted(valued.join(" "))}
      argument=${quoted(sourceText(argument))} ;;
`;
}

function valueRows({ paths, flags }: CompletionCommand): string[] {
  return flags.flatMap(({ names, value }) => {
    const text = value ? sourceText(value) : "";
    if (text === "") return [];
    const patterns = paths.flatMap((path) => names.map((name) => quoted(`${path} ${name}`)));
    return [`    ${patterns.join("|")}) source=${quoted(text)} ;;\n`];
  });
}

/** `table json`, `files`, `names node`, `names service =` */
export function sourceText(source: ValueSource): string {
  switch (source.kind) {
    case "nothing":
      return "";
    case "words":
      return source.words.join(" ");
    case "files":
      return "files";
    case "names":
      return ["names", ...source.of, ...(source.suffix === "" ? [] : [source.suffix])].join(" ");
  }
}
