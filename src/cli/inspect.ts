import { CommandError, ExitCode } from "./failure.js";
import type { Invocation } from "./invocation.js";
import { printJson } from "./render/list.js";
import { canonicalJson, type PayloadTypes } from "./render/protobuf-json.js";
import { visible } from "./render/table.js";

/** How the objects of a kind are found and shown. */
export interface Inspection<T> {
  find(argument: string): Promise<T>;
  toJson(object: T): unknown;
  /** Types of payload that the JSON shows as objects. */
  readonly payloads?: PayloadTypes;
  describe(object: T): Promise<string>;
}

/**
 * Shows each object that the arguments name, as a page or as a JSON array. What cannot be found is reported, the rest is
 * shown, and the command fails.
 */
export async function inspectEach<T>(invocation: Invocation, inspection: Inspection<T>): Promise<number> {
  const found: T[] = [];
  const failed = await forEachArgument(
    invocation,
    async (argument) => void found.push(await inspection.find(argument)),
  );
  if (invocation.settings.format === "json") {
    const objects = found.map((object) => canonicalJson(inspection.toJson(object), inspection.payloads ?? {}));
    printJson(invocation, objects);
  } else {
    const pages: string[] = [];
    for (const object of found) pages.push(await inspection.describe(object));
    invocation.terminal.write(pages.join("\n"));
  }
  return failed ? ExitCode.failure : ExitCode.success;
}

/** Does something with each argument; one that fails is reported and does not stop the others. @returns whether one failed */
export async function forEachArgument(
  { args, terminal }: Invocation,
  act: (argument: string) => Promise<void>,
): Promise<boolean> {
  if (args.length === 1) {
    await act(args[0]!);
    return false;
  }
  let failed = false;
  for (const argument of args) {
    try {
      await act(argument);
    } catch (error) {
      // The daemon is away: so it will be for the other arguments.
      if (!(error instanceof CommandError) || error.name === "UnreachableError") throw error;
      terminal.writeError(`tsctl: ${visible(error.message)}\n`);
      failed = true;
    }
  }
  return failed;
}
