import { readFileSync } from "node:fs";

/** The text of docs/tsctl.md. */
export function documentText(): string {
  return readFileSync(new URL("../../../docs/tsctl.md", import.meta.url), "utf8");
}

/** The JSON keys that the page promises, by list command: `node ls`. */
export function documentedKeys(): Map<string, string[]> {
  const section = documentText().split("## JSON")[1]!.split(/^## /m)[0]!;
  return new Map(
    [...section.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, list = "", keys = ""]) => [
      list,
      [...keys.matchAll(/`([^`]+)`/g)].map(([, key = ""]) => key),
    ]),
  );
}
