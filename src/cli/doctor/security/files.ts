import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";

/** What is wrong with the files of a folder, each in a few words; and how many there are. */
export interface FileReport {
  readonly looked: number;
  readonly faults: readonly string[];
}

/** A folder with more files is looked at in part. */
const MAX_FILES = 10_000;

/** @returns undefined when there is no such file; @throws when it may not be looked at */
export function statOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** What of a file's mode others than its owner may do. */
export function openTo(stats: Stats): string {
  const others = stats.mode & 0o077;
  return others === 0 ? "" : `mode ${octal(stats.mode)}`;
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

/** Every file below the folder that others than its owner may read or write, or that another user owns. */
export function filesOpenToOthers(folder: string, uid: number | undefined): FileReport {
  const faults: string[] = [];
  let looked = 0;
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined && looked < MAX_FILES; at = waiting.pop()) {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      if (!entry.isFile()) continue;
      looked += 1;
      const stats = statOf(path);
      if (!stats) continue;
      const open = openTo(stats);
      if (open !== "") faults.push(`${path} has ${open}`);
      else if (uid !== undefined && stats.uid !== uid) faults.push(`${path} belongs to user ${stats.uid}`);
    }
  }
  return { looked, faults };
}

/** The first few, and how many more. */
export function listed(faults: readonly string[], shown = 3): string {
  const more = faults.length - shown;
  return [...faults.slice(0, shown), ...(more > 0 ? [`${more} more`] : [])].join("; ");
}
