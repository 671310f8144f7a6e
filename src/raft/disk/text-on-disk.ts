import type { TextFile } from "../../security/at-rest/text-file.js";
import { type Disk, DiskError, type DiskFile } from "./disk.js";

/** A small file on the log's disk, replaced as a whole. The log's own files have other names. */
export function textOnDisk(disk: Disk, name: string): TextFile {
  return { name, read: () => contentsOf(disk, name), replace: (contents) => replaceOn(disk, name, contents) };
}

async function contentsOf(disk: Disk, name: string): Promise<string | undefined> {
  const file = await found(disk.open(name));
  if (!file) return undefined;
  try {
    return Buffer.from(await file.read(0, await file.size())).toString("utf8");
  } finally {
    await file.close();
  }
}

async function replaceOn(disk: Disk, name: string, contents: string): Promise<void> {
  const temporary = `${name}.new`;
  // The folder may not be there yet: listing makes it. A crash may have left a half-written one.
  if ((await disk.list()).includes(temporary)) await disk.remove(temporary);
  const file = await disk.create(temporary, 0);
  try {
    await file.writeDurably(0, Buffer.from(contents, "utf8"));
  } finally {
    await file.close();
  }
  await disk.rename(temporary, name);
  await disk.syncFolder();
}

async function found(opening: Promise<DiskFile>): Promise<DiskFile | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return undefined;
    throw error;
  }
}
