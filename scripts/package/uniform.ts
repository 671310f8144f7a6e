/** Modes and times that do not depend on who builds where. */
import { chmodSync, closeSync, lstatSync, lutimesSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";

const CONTROL = "DEBIAN";

/** What begins with "#!" can be run, in the packages of others too only where the programs are. */
export function makeUniform(root: string, epochSeconds: number, path = ""): void {
  const full = join(root, path);
  const stat = lstatSync(full);
  if (stat.isDirectory()) {
    for (const name of readdirSync(full)) makeUniform(root, epochSeconds, join(path, name));
    chmodSync(full, 0o755);
  } else if (stat.isFile()) chmodSync(full, isProgram(path, full) ? 0o755 : 0o644);
  lutimesSync(full, epochSeconds, epochSeconds);
}

function isProgram(path: string, full: string): boolean {
  if (path.includes("/node_modules/") || /\.(gz|md|json)$/.test(path)) return false;
  if (path.startsWith("usr/share/") || path.startsWith("etc/")) return false;
  if (path.startsWith(`${CONTROL}/`)) return /^DEBIAN\/(pre|post)(inst|rm)$/.test(path);
  const start = Buffer.alloc(2);
  const fd = openSync(full, "r");
  try {
    readSync(fd, start, 0, 2, 0);
  } finally {
    closeSync(fd);
  }
  return start.toString("latin1") === "#!";
}
