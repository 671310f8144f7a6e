/** The compiled test files that run on every kernel: those that import test/kernel/kernel-test.ts. */
import { readdirSync, readFileSync } from "node:fs";

const IMPORT = /from "(?:\.\.?\/)+(?:kernel\/)?kernel-test\.js"/;

/** @returns paths relative to the project, sorted */
export function kernelSuites(project: string): string[] {
  return readdirSync(`${project}/build/test`, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".test.js"))
    .filter((path) => IMPORT.test(readFileSync(`${project}/build/test/${path}`, "utf8")))
    .map((path) => `build/test/${path}`)
    .sort();
}
