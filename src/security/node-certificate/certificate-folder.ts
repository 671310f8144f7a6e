import { chmod, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../at-rest/durable-folder.js";
import { textFileAt } from "../at-rest/text-file.js";

/** A folder of small texts, each of which changes as a whole. One change at a time. */
export interface CertificateFolder {
  /** For messages. */
  readonly path: string;
  /** Undefined while there is none. */
  read(name: string): Promise<string | undefined>;
  /** Durable once resolved. */
  replace(name: string, contents: string): Promise<void>;
  /** Nothing where there is none; durable once resolved. */
  remove(name: string): Promise<void>;
}

const FOLDER_MODE = 0o700;
const PERMISSIONS = 0o777;

/** Only its owner can look into it. Made with the first file. */
export function certificateFolderAt(path: string): CertificateFolder {
  return {
    path,
    read: (name) => textFileAt(join(path, name)).read(),
    async replace(name, contents) {
      await closeToOthers(path);
      await textFileAt(join(path, name)).replace(contents);
    },
    async remove(name) {
      try {
        await unlink(join(path, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
        throw error;
      }
      await syncFolder(path);
    },
  };
}

/** One that is new is made so. */
async function closeToOthers(path: string): Promise<void> {
  try {
    const { mode } = await stat(path);
    if ((mode & PERMISSIONS) !== FOLDER_MODE) await chmod(path, FOLDER_MODE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
