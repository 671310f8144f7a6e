import { mkdir, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";

const FOLDER_MODE = 0o700;

/** Makes it, and those above it, where they are missing: for the owner alone, and so that they outlive a power failure. */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let at = dirname(folder); at.length >= top.length; at = dirname(at)) {
    await syncFolder(at);
    if (at === top) break;
  }
}

/** What was created, renamed and removed in it is durable once resolved. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
