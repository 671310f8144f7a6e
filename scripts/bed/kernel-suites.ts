/** The compiled test files that run on every kernel: those that import test/kernel/kernel-test.ts, themselves or by another module. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const IMPORT = /^(?:import|export)\b[^;"]*?\bfrom "(\.\.?\/[^"]+\.js)"/gm;

/** @returns paths relative to the project, sorted */
export function kernelSuites(project: string): string[] {
  const tests = `${project}/build/test`;
  const target = `${tests}/kernel/kernel-test.js`;
  return readdirSync(tests, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.js") && reaches(`${tests}/${path}`, target, tests))
    .map((path) => `build/test/${path}`)
    .sort();
}

/** Whether the imports of a module lead to `target`; only modules below `folder` are looked into. */
function reaches(module: string, target: string, folder: string): boolean {
  const found = new Set([module]);
  for (const path of found) {
    if (path === target) return true;
    for (const [, specifier] of readFileSync(path, "utf8").matchAll(IMPORT)) {
      const imported = join(dirname(path), specifier!);
      if (imported.startsWith(`${folder}/`)) found.add(imported);
    }
  }
  return false;
}
