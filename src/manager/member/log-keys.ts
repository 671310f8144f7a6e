/** The keys that a manager's log is sealed with. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { KeyFile } from "../../security/at-rest/key-file.js";
import { KeyFileError } from "../../security/at-rest/sealed-keys.js";
import { textFileAt } from "../../security/at-rest/text-file.js";

/** In a manager's state folder: all that its log needs. */
const RAFT_FOLDER = "raft";
/** In that: segments of the log and snapshots. */
const LOG_FOLDER = "log";
const FILE = "keys.json";

export function logFolder(stateDir: string): string {
  return join(stateDir, RAFT_FOLDER, LOG_FOLDER);
}

/**
 * Reads the key file of a state folder, or makes it.
 * @param kek opens a file that is locked
 * @throws LogLockedError, KeyFileError
 */
export async function openLogKeys(stateDir: string, kek: Uint8Array | undefined): Promise<KeyFile> {
  const file = textFileAt(join(stateDir, RAFT_FOLDER, FILE));
  if ((await KeyFile.look(file)) !== "missing") return KeyFile.open({ file, kek });
  const folder = logFolder(stateDir);
  if (await holdsFiles(folder)) {
    throw new KeyFileError(file.name, `is missing, and nothing else opens the log in ${folder}`);
  }
  return KeyFile.create({ file });
}

/** Whether a member of a log was here before. */
export function hasLog(stateDir: string): Promise<boolean> {
  return holdsFiles(logFolder(stateDir));
}

async function holdsFiles(folder: string): Promise<boolean> {
  try {
    return (await readdir(folder, { recursive: true, withFileTypes: true })).some((entry) => entry.isFile());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
