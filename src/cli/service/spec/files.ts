/** Secrets and configs that tasks find as files. */
import type { ConfigReference, FileTarget, SecretReference } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import { parseWhole } from "../../values/amount.js";
import { splitPair } from "../../values/pair.js";

/** A secret or a config, as a person names it. */
export interface FileFlag {
  /** Id, name or prefix of an id. */
  readonly source: string;
  /** The source's name without. */
  readonly target: string | undefined;
  readonly uid: string;
  readonly gid: string;
  readonly mode: number;
}

/** References to add, and names or ids of those to take away. */
export interface FileEdit {
  readonly secrets: { readonly add: readonly SecretReference[]; readonly remove: readonly string[] };
  readonly configs: { readonly add: readonly ConfigReference[]; readonly remove: readonly string[] };
}

export interface Files {
  readonly secrets: readonly SecretReference[];
  readonly configs: readonly ConfigReference[];
}

const MAX_ID = 2 ** 32 - 2;
const READ_BY_ALL = 0o444;
const KEYS: Readonly<Record<string, string>> = {
  source: "source",
  src: "source",
  target: "target",
  uid: "uid",
  gid: "gid",
  mode: "mode",
};

/** Reads `NAME`, or `source=NAME,target=FILE,uid=0,gid=0,mode=0444`. @throws UsageError */
export function parseFileFlag(text: string, flag: string): FileFlag {
  const values = new Map<string, string>();
  for (const field of text.includes("=") ? text.split(",") : [`source=${text}`]) {
    const [name, value] = splitPair(field);
    const key = Object.hasOwn(KEYS, name) ? KEYS[name]! : undefined;
    if (key === undefined || value === undefined || value === "") {
      throw new UsageError(`${flag}: "${text}": "${field}" is not source=, target=, uid=, gid= or mode= with a value`);
    }
    if (values.has(key)) throw new UsageError(`${flag}: "${text}": ${key} is given twice`);
    values.set(key, value);
  }
  const source = values.get("source");
  if (source === undefined || /[\s,]/.test(source))
    throw new UsageError(`${flag}: "${text}" names nothing: write source=NAME`);
  return {
    source,
    target: values.get("target"),
    uid: idOf(values.get("uid"), `${flag} uid`),
    gid: idOf(values.get("gid"), `${flag} gid`),
    mode: modeOf(values.get("mode"), flag),
  };
}

/** @param name of the secret or config: the file's, when no other was asked for */
export function fileTarget({ target, uid, gid, mode }: FileFlag, name: string): { $case: "file"; value: FileTarget } {
  return { $case: "file", value: { name: target ?? name, uid, gid, mode } };
}

/** @throws UsageError when what is to be removed is not there */
export function editFiles(current: Files, edit: FileEdit | undefined): Files {
  if (!edit) return { secrets: current.secrets, configs: current.configs };
  return {
    secrets: editList(current.secrets, edit.secrets, "secret", ({ secretId, secretName }) => [secretName, secretId]),
    configs: editList(current.configs, edit.configs, "config", ({ configId, configName }) => [configName, configId]),
  };
}

/** `password → /run/secrets/pw, 0:0 0400` */
export function fileText(name: string, file: FileTarget | undefined): string {
  if (!file) return name;
  const mode = file.mode.toString(8).padStart(4, "0");
  return `${name} as ${file.name}, owner ${file.uid || 0}:${file.gid || 0}, mode ${mode}`;
}

function editList<T extends { readonly target?: { readonly value: object } | undefined }>(
  current: readonly T[],
  { add, remove }: { readonly add: readonly T[]; readonly remove: readonly string[] },
  kind: string,
  namesOf: (one: T) => readonly string[],
): readonly T[] {
  for (const name of remove) {
    if (!current.some((one) => namesOf(one).includes(name))) {
      throw new UsageError(`--${kind}-rm: the service has no ${kind} ${name}`);
    }
  }
  const fileOf = ({ target }: T) => (target?.value as FileTarget | undefined)?.name;
  const replaced = (one: T) =>
    add.some((other) => namesOf(other)[1] === namesOf(one)[1] && fileOf(other) === fileOf(one));
  return [...current.filter((one) => !namesOf(one).some((name) => remove.includes(name)) && !replaced(one)), ...add];
}

function idOf(text: string | undefined, what: string): string {
  return text === undefined ? "0" : String(parseWhole(text, what, 0, MAX_ID));
}

/** Octal, with a leading 0 or without. */
function modeOf(text: string | undefined, flag: string): number {
  if (text === undefined) return READ_BY_ALL;
  if (!/^0?[0-7]{3}$/.test(text))
    throw new UsageError(`${flag} mode: "${text}" is not a mode: write three octal digits, 0400`);
  return Number.parseInt(text, 8);
}
