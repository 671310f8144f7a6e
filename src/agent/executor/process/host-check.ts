/** What a task needs of its host: looked at before it starts, and told in one line when it is not there. */
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { type Account, findAccount } from "./accounts.js";
import { DEFAULT_PATH } from "./environment.js";
import { mountTarget, OWN_FILES } from "./mount-targets.js";
import type { PayloadFile } from "./payload-files.js";
import type { ProcessTask } from "./process-task.js";
import { findProgram } from "./program-lookup.js";
import { checkTaskMounts, pathOnHost } from "./task-mounts.js";

export interface HostFacts {
  readonly account: Account;
  /** Real paths of the host's files that the task has its own of. */
  readonly mountTargets: Readonly<Record<(typeof OWN_FILES)[number], string>>;
}

/** @param fail called with the reason when the task cannot run here */
export async function checkHost(task: ProcessTask, fail: (reason: string) => never): Promise<HostFacts> {
  const { command, dir, env, user, groups, mounts, files } = task;
  const onHost = (path: string) => pathOnHost(mounts, path);
  await checkTaskMounts(mounts, fail);
  const folder = await stat(onHost(dir)).catch((error: NodeJS.ErrnoException) =>
    fail(`working folder ${dir}: ${error.code}`),
  );
  if (!folder.isDirectory()) fail(`working folder ${dir} is not a folder`);
  await findProgram(command[0], env.get("PATH") ?? DEFAULT_PATH, dir, fail, onHost);
  const account = findAccount(user, groups, readIfThere("/etc/passwd"), readIfThere("/etc/group"), fail);
  for (const file of files) await checkTarget(file, onHost, fail);
  try {
    const [resolvConf, hosts, hostname] = OWN_FILES.map((name) => mountTarget(`/etc/${name}`));
    return { account, mountTargets: { "resolv.conf": resolvConf!, hosts: hosts!, hostname: hostname! } };
  } catch (error) {
    return fail(`no place to mount the task's own files: ${(error as Error).message}`);
  }
}

/** In place of a file of the host's there must be one: nothing is made on the host. */
async function checkTarget(
  { kind, name, target, folder }: PayloadFile,
  onHost: (path: string) => string,
  fail: (reason: string) => never,
): Promise<void> {
  if (!target.startsWith("/")) return;
  const found = await stat(onHost(target)).catch(() => undefined);
  if (found?.isFile()) return;
  fail(
    `${kind} ${name}: ${target} is ${found ? "no file" : "not there"} on this host: make it an empty file, or take a name below ${folder}`,
  );
}

/** Small files of the host's own, and read again and again: at once. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
