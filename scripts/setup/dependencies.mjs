// Exit status 0 when node_modules holds what package-lock.json names. npm writes what it installed to node_modules/.package-lock.json.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const read = (path) => JSON.parse(readFileSync(join(root, path), "utf8")).packages;

function isInstalled() {
  if (!existsSync(join(root, "node_modules/.package-lock.json"))) return false;
  const installed = read("node_modules/.package-lock.json");
  return Object.entries(read("package-lock.json")).every(([path, wanted]) => {
    if (path === "" || (wanted.optional && !fitsHere(wanted))) return true;
    const found = installed[path];
    return found?.version === wanted.version && found.integrity === wanted.integrity && existsSync(join(root, path));
  });
}

/** Optional packages are binaries for one platform each. */
function fitsHere({ os, cpu, libc }) {
  const fits = (list, here) => list === undefined || list.includes(here);
  const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  return fits(os, process.platform) && fits(cpu, process.arch) && fits(libc, glibc ? "glibc" : "musl");
}

process.exit(isInstalled() ? 0 : 1);
