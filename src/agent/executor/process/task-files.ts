/**
 * The files of one task: what its supervisor reads and writes in <runDir>/tasks/<task id>, its output in <stateDir>/tasks/<task id>.
 * The two folders may be one.
 *
 * What is in memory is read and written at once: small files and few, where to go through another thread costs many times the work itself.
 */
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { mkfifo } from "../../../../native-bindings/libc.js";
import type { SystemCallError } from "../../../../native-bindings/system-call-error.js";
import { TaskError } from "../executor.js";
import type { ProcessIdentity } from "./process-identity.js";

export interface TaskFolders {
  /** What is of no use after a reboot; best in memory, because environments are in it. */
  readonly run: string;
  readonly state: string;
}

/** A FIFO in the task's folder, see lifeline.ts. */
export const LIFELINE = "lifeline";

export class TaskFiles {
  readonly folder: string;
  readonly outputFolder: string;
  readonly lifeline: string;
  readonly stdout: string;
  readonly stderr: string;

  constructor(folders: TaskFolders, taskId: string) {
    this.folder = join(folders.run, taskId);
    this.outputFolder = join(folders.state, taskId);
    this.lifeline = join(this.folder, LIFELINE);
    this.stdout = join(this.outputFolder, "stdout");
    this.stderr = join(this.outputFolder, "stderr");
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async make(): Promise<void> {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    await mkdir(this.outputFolder, { recursive: true, mode: 0o700 });
  }

  /** Makes a FIFO unless it is there. @throws TaskError */
  makeFifo(name: string): void {
    const path = this.path(name);
    try {
      mkfifo(path, 0o600);
    } catch (error) {
      const { code, message } = error as SystemCallError;
      if (code === "EEXIST" && lstatSync(path).isFIFO()) return;
      throw new TaskError(`cannot make the FIFO ${name}: ${message}`, false);
    }
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(this.path(name), text, { mode: publicFiles.has(name) ? 0o644 : 0o600 });
    }
  }

  /** The unit that holds the task, and its cgroup; undefined when none does, or before it is launched. */
  unit(): readonly [name: string, cgroup: string] | undefined {
    const [name, cgroup] = (this.#read("unit") ?? "").trim().split(" ");
    return name && cgroup ? [name, cgroup] : undefined;
  }

  /** Somebody began to start it. */
  wasLaunched(): boolean {
    return this.#read("setup") !== undefined;
  }

  /** Process 1 of the task, as `setup` wrote it down. */
  supervisor(): ProcessIdentity | undefined {
    const [pid, startTicks] = (this.#read("pid") ?? "").split(" ").map(Number);
    return pid && startTicks ? { pid, startTicks } : undefined;
  }

  /** The command's number in its own PID namespace; undefined when it was not started. */
  startedPid(): number | undefined {
    const text = this.#read("started");
    return text ? Number(text) : undefined;
  }

  /** Undefined when the supervisor did not live to write it. */
  exitStatus(): number | undefined {
    const text = this.#read("exit");
    return text?.endsWith("\n") ? Number(text) : undefined;
  }

  /** As the supervisor counted at the end; undefined when it did not live to, or was not to. */
  outOfMemoryKills(): number | undefined {
    const text = this.#read("oom-kills");
    return text ? Number(text) : undefined;
  }

  /** What the set-up had to say when it failed. */
  setupMessages(): string {
    return (this.#read("setup.log") ?? "").trim().split("\n").slice(0, 3).join("; ");
  }

  async remove(): Promise<void> {
    await removeFolder(this.outputFolder);
    removeFolderSync(this.folder);
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(this.path(name), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }
}

const REMOVED_SUFFIX = ".removed";
/** Every user inside the sandbox reads these. */
const publicFiles = new Set(["hosts", "resolv.conf", "hostname"]);

/** Renamed first, so that a crash half-way leaves no folder that looks like a task's. */
async function removeFolder(folder: string): Promise<void> {
  const doomed = `${folder}${REMOVED_SUFFIX}`;
  await rm(doomed, { recursive: true, force: true });
  try {
    await rename(folder, doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await rm(doomed, { recursive: true, force: true });
}

function removeFolderSync(folder: string): void {
  const doomed = `${folder}${REMOVED_SUFFIX}`;
  rmSync(doomed, { recursive: true, force: true });
  try {
    renameSync(folder, doomed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  rmSync(doomed, { recursive: true, force: true });
}

/** The ids of the tasks that have a folder; what a crash left half-removed is removed on the way. */
export async function listTaskFolders(folders: TaskFolders): Promise<readonly string[]> {
  const lists = await Promise.all([...new Set([folders.run, folders.state])].map(listFolder));
  return [...new Set(lists.flat())];
}

async function listFolder(folder: string): Promise<readonly string[]> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  const removed = names.filter((name) => name.endsWith(REMOVED_SUFFIX));
  await Promise.all(removed.map((name) => rm(join(folder, name), { recursive: true, force: true })));
  return names.filter((name) => !name.endsWith(REMOVED_SUFFIX));
}
