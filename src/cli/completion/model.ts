/** What can be typed where, from the command tree: the same for every shell. */
import type { Argument, Command, Option } from "commander";
import { wordsOf } from "./words.js";

export const NAMED_KINDS = ["node", "service", "network", "task", "secret", "config"] as const;
/** Objects whose names tsctl looks up while a person types. */
export type NamedKind = (typeof NAMED_KINDS)[number];

/** What may stand for a value. */
export type ValueSource =
  | { readonly kind: "nothing" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" }
  | { readonly kind: "names"; readonly of: readonly NamedKind[]; readonly suffix: string };

export interface CompletionFlag {
  /** `--force`, `-f` */
  readonly names: readonly string[];
  readonly description: string;
  /** Absent for a flag without a value. */
  readonly value?: ValueSource;
}

export interface CompletionCommand {
  /** Each way to write it, without "tsctl": `service ls`, `svc ls`, `service list`, …; the first is its own name. "" is tsctl itself. */
  readonly paths: readonly string[];
  readonly commands: readonly { readonly names: readonly string[]; readonly description: string }[];
  readonly flags: readonly CompletionFlag[];
  readonly argument: ValueSource;
}

/** tsctl itself first. */
export function completionModel(program: Command): CompletionCommand[] {
  return [...walk(program, [""])];
}

function* walk(command: Command, paths: readonly string[]): Generator<CompletionCommand> {
  const children = command.commands;
  yield {
    paths,
    commands: children.map((child) => ({ names: namesOf(child), description: child.summary() })),
    flags: [...command.options.map(flagOf), HELP],
    argument: children.length > 0 ? NOTHING : argumentOf(command.registeredArguments[0]),
  };
  for (const child of children) {
    yield* walk(
      child,
      paths.flatMap((path) => namesOf(child).map((name) => (path === "" ? name : `${path} ${name}`))),
    );
  }
}

const NOTHING: ValueSource = { kind: "nothing" };
const HELP: CompletionFlag = { names: ["--help", "-h"], description: "show help" };

function namesOf(command: Command): readonly string[] {
  return [command.name(), ...command.aliases()];
}

function flagOf(option: Option): CompletionFlag {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const { description } = option;
  if (!option.required && !option.optional) return { names, description };
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? "";
  return { names, description, value: sourceOf(option.long ?? "", placeholder) };
}

function sourceOf(flag: string, placeholder: string): ValueSource {
  const words = wordsOf(flag);
  if (words) return { kind: "words", words };
  if (placeholder === "path" || placeholder === "dir") return { kind: "files" };
  return isNamed(placeholder) ? { kind: "names", of: [placeholder], suffix: "" } : NOTHING;
}

/** By the name of the argument: `node`, `network|service`, `service=replicas`. */
function argumentOf(argument: Argument | undefined): ValueSource {
  const name = argument?.name() ?? "";
  const words = wordsOf(name);
  if (words) return { kind: "words", words };
  if (name === "command") return { kind: "files" };
  const [object = "", rest] = name.split("=");
  const of = object.split("|").filter(isNamed);
  return of.length > 0 ? { kind: "names", of, suffix: rest === undefined ? "" : "=" } : NOTHING;
}

function isNamed(name: string): name is NamedKind {
  return (NAMED_KINDS as readonly string[]).includes(name);
}
