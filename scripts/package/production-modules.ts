/** What of node_modules the programs need when they run. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** In each package: no program reads these. */
const NEVER_READ = /\.(ts|cts|mts|map|md|markdown|c|cc|cpp|h|hh|s|asm|def|inc|in)$/i;
/** Types for compilers, links to programs of packages, what koffi is built with. */
const NOT_NEEDED = [
  ".bin",
  ".package-lock.json",
  "@types",
  "undici-types",
  ...["vendor", "doc", "lib/native", "cnoke.cjs"].map((name) => `koffi/${name}`),
];

/** @throws Error when npm cannot install what package-lock.json names */
export function installProductionModules(project: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json", ".npmrc"]) {
    if (existsSync(join(project, name))) copyFileSync(join(project, name), join(folder, name));
  }
  const options = ["--omit=dev", "--ignore-scripts", "--prefer-offline", "--no-progress", "--loglevel=error"];
  execFileSync("npm", ["ci", ...options], { cwd: folder, stdio: ["ignore", "ignore", "inherit"] });
  const modules = join(folder, "node_modules");
  for (const path of NOT_NEEDED) rmSync(join(modules, path), { recursive: true, force: true });
  prune(modules);
}

/** Whoever passes a package on passes its licence on. */
const LICENCE = /^(licen[cs]e|copying|notice)/i;

function prune(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (entry.name.startsWith("musl_") || entry.name.startsWith(".")) rmSync(path, { recursive: true });
      else prune(path);
    } else if (entry.name.startsWith(".") || (NEVER_READ.test(entry.name) && !LICENCE.test(entry.name))) rmSync(path);
  }
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}
