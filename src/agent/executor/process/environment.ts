/** The environment of a task: nothing of the agent's, only what the spec says and what every program counts on. */
import { isVariableName } from "../../../api/process-rules.js";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * "NAME=value" entries; a later one wins, "NAME" alone means an empty value.
 * @param fail called with a reason when an entry can never be passed on
 */
export function parseEnvironment(
  entries: readonly string[],
  fail: (reason: string) => never,
): ReadonlyMap<string, string> {
  const result = new Map<string, string>();
  for (const entry of entries) {
    const equals = entry.indexOf("=");
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (!isVariableName(name)) fail(`environment variable name ${JSON.stringify(name)} cannot be used`);
    if (entry.includes("\0")) fail(`a NUL character in environment variable ${name}`);
    result.set(name, equals < 0 ? "" : entry.slice(equals + 1));
  }
  return result;
}

/** What the task sees: PATH, HOSTNAME and HOME unless the spec gives them, then the spec's own. */
export function taskEnvironment(
  spec: ReadonlyMap<string, string>,
  hostname: string,
  home: string,
): ReadonlyMap<string, string> {
  return new Map([["PATH", DEFAULT_PATH], ["HOSTNAME", hostname], ["HOME", home], ...spec]);
}
