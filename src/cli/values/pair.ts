import { readFileSync } from "node:fs";
import { UsageError } from "../failure.js";

/** Reads `KEY=VALUE` labels; the value may be empty or absent. @throws UsageError */
export function parseLabels(texts: readonly string[], flag: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of texts) {
    const [key, value] = splitPair(text);
    if (key === "" || /\s/.test(key)) throw new UsageError(`${flag}: "${text}" is not KEY=VALUE`);
    if (Object.hasOwn(labels, key)) throw new UsageError(`${flag}: label ${key} is given twice`);
    labels[key] = value ?? "";
  }
  return labels;
}

/**
 * Reads an environment: `NAME=VALUE`, or `NAME` for the value of tsctl's own environment. Later ones win.
 * @returns NAME=VALUE texts
 * @throws UsageError
 */
export function parseEnv(
  texts: readonly string[],
  flag: string,
  ownEnv: Readonly<Record<string, string | undefined>>,
): string[] {
  const env = new Map<string, string>();
  for (const text of texts) {
    const [name, given] = splitPair(text);
    if (name === "" || /[\s\0]/.test(name) || given?.includes("\0")) {
      throw new UsageError(`${flag}: "${text}" is not NAME=VALUE`);
    }
    const value = given ?? ownEnv[name];
    if (value === undefined) {
      throw new UsageError(`${flag}: ${name} has no value, here or in the environment: write ${name}=VALUE`);
    }
    env.set(name, value);
  }
  return [...env].map(([name, value]) => `${name}=${value}`);
}

/** Lines of an environment file, without comments and blank ones. @throws UsageError when it cannot be read */
export function readEnvFile(path: string, flag: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${flag}: cannot read ${path}: ${(error as Error).message}`);
  }
  return text
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== "" && !line.startsWith("#"));
}

/** Splits at the first `=`; the value is undefined without one. */
export function splitPair(text: string): readonly [key: string, value: string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
