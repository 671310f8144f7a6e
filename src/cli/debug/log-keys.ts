import { readFile } from "node:fs/promises";
import { KeyFile } from "../../security/at-rest/key-file.js";
import type { KeyRing } from "../../security/at-rest/key-ring.js";
import { LogLockedError } from "../../security/at-rest/locked-error.js";
import { KeyFileError } from "../../security/at-rest/sealed-keys.js";
import { textFileAt } from "../../security/at-rest/text-file.js";
import { parseUnlockKey } from "../../security/at-rest/unlock-key.js";
import { checkedUnlockKey } from "../cluster/unlock.js";
import { CommandError } from "../failure.js";
import { visible } from "../render/table.js";
import type { Terminal } from "../terminal.js";

/** What can be seen without any key is shown all the same. */
const NO_KEYS: Pick<KeyRing, "get"> = { get: () => undefined };

/**
 * The keys of a manager that does not run.
 * @param unlockKeyFile with the key that opens them when they are locked, "-" for standard input
 * @throws CommandError when the unlock key is none, or a wrong one
 */
export async function openLogKeys(
  path: string,
  unlockKeyFile: string | undefined,
  terminal: Terminal,
): Promise<Pick<KeyRing, "get">> {
  const file = textFileAt(path);
  const say = (line: string) => terminal.writeError(`tsctl: ${visible(line)}\n`);
  try {
    const state = await KeyFile.look(file);
    if (state === "missing") {
      say(`there is no key file ${path}: only what is not sealed can be shown`);
      return NO_KEYS;
    }
    if (state === "sealed" && unlockKeyFile === undefined) {
      say(`${path} is locked, --unlock-key-file opens it: only what is not sealed can be shown`);
      return NO_KEYS;
    }
    const kek = state === "sealed" ? parseUnlockKey(await readUnlockKey(unlockKeyFile!, terminal)) : undefined;
    return await KeyFile.open({ file, kek });
  } catch (error) {
    if (error instanceof KeyFileError || error instanceof LogLockedError) throw new CommandError(error.message);
    if ((error as NodeJS.ErrnoException).code !== undefined) throw new CommandError((error as Error).message);
    throw error;
  }
}

async function readUnlockKey(path: string, terminal: Terminal): Promise<string> {
  if (path === "-") return checkedUnlockKey(await terminal.readSecret("Enter unlock key: "));
  try {
    return checkedUnlockKey((await readFile(path, "utf8")).trim());
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`--unlock-key-file: ${(error as Error).message}`);
  }
}
