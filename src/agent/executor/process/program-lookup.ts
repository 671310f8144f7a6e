/** Finds a task's program on the host's files the way execvp(3) will. */
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { resolve } from "node:path";

/**
 * @param path the PATH that the task will have
 * @param fail called with one line when the program cannot be run
 * @param onHost where a path of the task is on the host
 * @returns the program's absolute path
 */
export async function findProgram(
  program: string,
  path: string,
  dir: string,
  fail: (reason: string) => never,
  onHost: (path: string) => string = (path) => path,
): Promise<string> {
  const candidates = program.includes("/")
    ? [resolve(dir, program)]
    : path.split(":").map((folder) => resolve(dir, folder || ".", program));
  let unusable: string | undefined;
  for (const candidate of candidates) {
    const problem = await whyNotExecutable(onHost(candidate));
    if (problem === undefined) return candidate;
    if (problem !== "") unusable ??= problem;
  }
  if (unusable) return fail(unusable);
  return fail(`command not found: ${program}${program.includes("/") ? "" : ` (looked in ${path})`}`);
}

/** @returns undefined when it can be run, "" when it is not there, else the reason */
async function whyNotExecutable(file: string): Promise<string | undefined> {
  try {
    const found = await stat(file);
    if (!found.isFile()) return `${file} is not a program but a ${found.isDirectory() ? "folder" : "special file"}`;
    await access(file, constants.X_OK);
    return undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return "";
    if (code === "EACCES") return `${file} is not executable`;
    throw error;
  }
}
