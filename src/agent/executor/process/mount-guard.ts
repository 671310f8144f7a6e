/**
 * Keeps the tasks' own /etc/resolv.conf, /etc/hosts and /etc/hostname in place.
 *
 * A program on the host that replaces such a file by rename(2) — most do, systemd-resolved at each change of the network — makes the
 * kernel take away whatever other mount namespaces have mounted on the old one, and the tasks would see the host's file. So the
 * folders are watched, and a mount that is missing in a task is made again.
 */
import { closeSync, constants, type FSWatcher, openSync, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { unescapeMountPath } from "./cgroup-hierarchies.js";
import { mountTarget, OWN_FILES } from "./mount-targets.js";
import { isAlive } from "./process-identity.js";
import type { Starter } from "./starter.js";
import type { Supervision } from "./supervision.js";

/** Replacing a file comes as several events. */
const SETTLE_MS = 20;

export interface OwnFileMount {
  /** File in the task's folder. */
  readonly name: string;
  /** Absolute path without symbolic links. */
  readonly target: string;
}

/** @param mountinfo of the task @returns the mounts that it should have and has not */
export function missingMounts(mountinfo: string, wanted: readonly OwnFileMount[]): readonly OwnFileMount[] {
  const points = new Set(mountinfo.split("\n").map((line) => unescapeMountPath(line.split(" ")[4] ?? "")));
  return wanted.filter(({ target }) => !points.has(target));
}

export class MountGuard {
  readonly #tasks: () => Promise<readonly Supervision[]>;
  readonly #starter: Starter;
  readonly #log: (line: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(tasks: () => Promise<readonly Supervision[]>, starter: Starter, log: (line: string) => void) {
    this.#tasks = tasks;
    this.#starter = starter;
    this.#log = log;
  }

  /** Looks at once, for what happened while no agent ran, and whenever a folder changes. */
  start(): void {
    this.#stopped = false;
    this.#soon();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#round;
  }

  #soon(): void {
    if (this.#stopped || this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#round = this.#round
        .then(() => this.#look())
        .catch((error: Error) => this.#log(`cannot check the tasks' own files in /etc: ${error.message}`));
    }, SETTLE_MS);
  }

  async #look(): Promise<void> {
    const wanted: OwnFileMount[] = [];
    for (const name of OWN_FILES) {
      const target = await mountTarget(`/etc/${name}`);
      wanted.push({ name, target });
      for (const path of [`/etc/${name}`, target]) this.#watch(dirname(path), basename(path));
    }
    for (const task of await this.#tasks()) await this.#repair(task, wanted);
  }

  #watch(folder: string, name: string): void {
    const key = `${folder}/${name}`;
    if (this.#stopped || this.#watchers.has(key)) return;
    const watcher = watch(folder, (_, changed) => {
      if (changed === name) this.#soon();
    });
    watcher.on("error", (error) => {
      this.#log(`${folder} cannot be watched: ${error.message}`);
      watcher.close();
      this.#watchers.delete(key);
    });
    watcher.unref();
    this.#watchers.set(key, watcher);
  }

  async #repair(task: Supervision, wanted: readonly OwnFileMount[]): Promise<void> {
    const supervisor = task.files.supervisor();
    // A task that is only being set up makes its mounts itself.
    if (!supervisor || task.files.startedPid() === undefined || !isAlive(supervisor)) return;
    const descriptors: number[] = [];
    const open = (name: string, flags: number) => {
      const fd = openSync(`/proc/${supervisor.pid}/${name}`, flags);
      descriptors.push(fd);
      return `/proc/${process.pid}/fd/${fd}`;
    };
    try {
      const missing = missingMounts(readFileSync(`/proc/${supervisor.pid}/mountinfo`, "utf8"), wanted);
      if (missing.length === 0) return;
      const [namespace, folder] = [open("ns/mnt", constants.O_RDONLY), open("cwd", constants.O_DIRECTORY)];
      // Only now is it sure whose namespace that is.
      if (!isAlive(supervisor)) return;
      for (const { name, target } of missing) await this.#starter.bindFile(namespace, folder, name, target);
      this.#log(
        `task ${task.taskId}: its own ${missing.map(({ name }) => name).join(", ")} put back after a change on the host`,
      );
    } catch (error) {
      if (isAlive(supervisor)) this.#log(`task ${task.taskId}: ${(error as Error).message}`);
    } finally {
      for (const fd of descriptors) closeSync(fd);
    }
  }
}
