import { sourceText } from "./bash.js";
import type { CompletionCommand } from "./model.js";
import { quoted } from "./quoted.js";

/** A script for zsh, to be a file named _tsctl in a folder of fpath, or to be sourced. */
export function zshScript(commands: readonly CompletionCommand[]): string {
  return `#compdef tsctl
# zsh completion of tsctl, made by: tsctl completion zsh

# What may follow a command, by the words before: sets below and flags as NAME:DESCRIPTION, valued, argument.
_tsctl_table() {
  case "$1" in
${commands.map(tableRow).join("")}    *) return 1 ;;
  esac
}

# What may be the value of a flag: sets source.
_tsctl_value() {
  case "$1 $2" in
${commands.flatMap(valueRows).join("")}    *) source='' ;;
  esac
}

# Offers what a source gives: words, files, or names that the cluster knows.
_tsctl_offer() {
  local source="$1" kind
  local -a names
  case "$source" in
    '') return 1 ;;
    files) _files ;;
    names\\ *)
      for kind in \${=source#names }; do
        [[ $kind == '=' ]] && continue
        names+=("\${(@f)$(tsctl $_tsctl_global --timeout 2s completion names $kind 2>/dev/null)}")
      done
      if [[ $source == *' =' ]]; then compadd -S = -- $names; else compadd -- $names; fi ;;
    *) compadd -- \${=source} ;;
  esac
}

_tsctl() {
  local path_='' pending='' word source='' argument=''
  local -i i
  local -a below flags valued
  local -a _tsctl_global
  _tsctl_table ''
  for ((i = 2; i < CURRENT; i++)); do
    word="$words[i]"
    if [[ -n $pending ]]; then
      [[ $pending == -s || $pending == --socket ]] && _tsctl_global=(-s "$word")
      pending=''
      continue
    fi
    case "$word" in
      --) _normal; return ;;
      -*=*) ;;
      -*) (( $valued[(Ie)$word] )) && pending="$word" ;;
      *) if (( $below[(I)\${word}:*] )); then path_="\${path_:+$path_ }$word"; _tsctl_table "$path_"; fi ;;
    esac
  done
  word="$words[CURRENT]"
  if [[ -n $pending ]]; then
    _tsctl_value "$path_" "$pending"
    _tsctl_offer "$source"
  elif [[ $word == --*=* ]]; then
    _tsctl_value "$path_" "\${word%%=*}"
    compset -P '*='
    _tsctl_offer "$source"
  elif [[ $word == -* ]]; then
    _describe -o flag flags
  elif (( $#below )); then
    _describe command below
  else
    _tsctl_offer "$argument"
  fi
}

if [[ $funcstack[1] == _tsctl ]]; then _tsctl "$@"; else compdef _tsctl tsctl; fi
`;
}

function tableRow({ paths, commands, flags, argument }: CompletionCommand): string {
  const described = (names: readonly string[], description: string) =>
    names.map((name) => quoted(`${name.replaceAll(":", "\\:")}:${description}`));
  const valued = flags.filter(({ value }) => value !== undefined).flatMap((flag) => flag.names);
  return `    ${paths.map(quoted).join("|")})
      below=(${commands.flatMap(({ names, description }) => described(names, description)).join(" ")})
      flags=(${flags.flatMap(({ names, description }) => described(names, description)).join(" ")})
      valued=(${valued.join(" ")})
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
