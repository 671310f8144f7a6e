/**
 * Keeps the tasks' own /etc/resolv.conf, /etc/hosts and /etc/hostname in place.
 *
 * A program on the host that replaces such a file by rename(2) — most do, systemd-resolved at each change of the network — makes the
 * kernel take away whatever other mount namespaces have mounted on the old one, and the tasks would see the host's file. So the
 * folders are watched, and a mount that is missing in a task is made again.
 */
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { unescapeMountPath } from "./cgroup-hierarchies.js";
import { mountTarget, OWN_FILES } from "./mount-targets.js";
import { isAlive, type ProcessIdentity } from "./process-identity.js";
import type { Supervision } from "./supervision.js";

/** Replacing a file comes as several events. */
const SETTLE_MS = 20;

export interface OwnFileMount {
  /** File in the task's folder. */
  readonly name: string;
  /** Absolute path without symbolic links. */
  readonly target: string;
}

export interface GuardedTask {
  readonly taskId: string;
  readonly supervisor: ProcessIdentity;
}

/** Makes mounts again in the tasks that miss them. */
export interface TaskMounts {
  /** @returns what was done, or could not be, in words */
  putBack(
    tasks: readonly GuardedTask[],
    wanted: readonly OwnFileMount[],
  ): Promise<readonly { readonly taskId: string; readonly text: string }[]>;
}

export function putBackText(names: readonly string[]): string {
  return `its own ${names.join(", ")} put back after a change on the host`;
}

/** @param mountinfo of the task @returns the mounts that it should have and has not */
export function missingMounts(mountinfo: string, wanted: readonly OwnFileMount[]): readonly OwnFileMount[] {
  const points = new Set(mountinfo.split("\n").map((line) => unescapeMountPath(line.split(" ")[4] ?? "")));
  return wanted.filter(({ target }) => !points.has(target));
}

export class MountGuard {
  readonly #tasks: () => Promise<readonly Supervision[]>;
  readonly #mounts: TaskMounts;
  readonly #log: (line: string) => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #stopped = true;

  constructor(tasks: () => Promise<readonly Supervision[]>, mounts: TaskMounts, log: (line: string) => void) {
    this.#tasks = tasks;
    this.#mounts = mounts;
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
      const target = mountTarget(`/etc/${name}`);
      wanted.push({ name, target });
      for (const path of [`/etc/${name}`, target]) this.#watch(dirname(path), basename(path));
    }
    const tasks = (await this.#tasks()).flatMap(({ taskId, files }) => {
      const supervisor = files.supervisor();
      // A task that is only being set up makes its mounts itself.
      const runs = supervisor && files.startedPid() !== undefined && isAlive(supervisor);
      return runs ? [{ taskId, supervisor }] : [];
    });
    if (tasks.length === 0) return;
    for (const { taskId, text } of await this.#mounts.putBack(tasks, wanted)) this.#log(`task ${taskId}: ${text}`);
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
}
