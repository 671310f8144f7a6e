import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, syncFolder } from "./durable-folder.js";

/** A small file that is replaced as a whole: after a crash it holds the old contents or the new ones. */
export interface TextFile {
  /** For messages. */
  readonly name: string;
  /** Undefined while there is none. */
  read(): Promise<string | undefined>;
  /** Durable once resolved. One at a time. */
  replace(contents: string): Promise<void>;
}

const FILE_MODE = 0o600;

/** Only its owner can read it. */
export function textFileAt(path: string): TextFile {
  return { name: path, read: () => contentsOf(path), replace: (contents) => replaceAt(path, contents) };
}

async function contentsOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function replaceAt(path: string, contents: string): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  const temporary = `${path}.new`;
  const file = await open(temporary, "w", FILE_MODE);
  try {
    // The mode counts for a new file alone, and a crash may have left an older one.
    await file.chmod(FILE_MODE);
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  await syncFolder(folder);
}
