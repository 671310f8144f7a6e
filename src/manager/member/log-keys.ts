/** The keys that a manager's log is sealed with. */
import { join } from "node:path";
import type { SealedLogStorage } from "../../raft/storage/disk-log-storage.js";
import { KeyFile } from "../../security/at-rest/key-file.js";
import { textFileAt } from "../../security/at-rest/text-file.js";
import type { SealedKeys } from "../autolock/key-keeper.js";

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
  const isNew = (await KeyFile.look(file)) === "missing";
  return isNew ? KeyFile.create({ file }) : KeyFile.open({ file, kek });
}

/** The keys together with what they seal. */
export function sealedKeys(keys: KeyFile, storage: SealedLogStorage): SealedKeys {
  return {
    get isLocked() {
      return keys.isLocked;
    },
    get version() {
      return keys.kekVersion;
    },
    async reseal(kek, version) {
      await keys.reseal(kek, version);
      await storage.rotateKey();
    },
  };
}
