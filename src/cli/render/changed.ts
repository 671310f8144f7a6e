import type { Invocation } from "../invocation.js";
import { printJson } from "./list.js";

/** Prints which objects a command made, changed or removed: one name or id a line, or a JSON array of both. */
export function printChanged(
  invocation: Invocation,
  objects: readonly { readonly id: string; readonly name: string }[],
  what: "id" | "name",
): void {
  if (invocation.settings.format === "json") {
    printJson(
      invocation,
      objects.map(({ id, name }) => ({ id, name })),
    );
  } else {
    invocation.terminal.write(objects.map((object) => `${object[what] || object.id}\n`).join(""));
  }
}
