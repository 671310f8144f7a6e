/** The tasks' own mounts, looked at and made again by the agent itself. */
import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { type GuardedTask, missingMounts, type OwnFileMount, putBackText, type TaskMounts } from "./mount-guard.js";
import { isAlive } from "./process-identity.js";
import type { Starter } from "./starter.js";

export class DirectMounts implements TaskMounts {
  readonly #starter: Starter;

  constructor(starter: Starter) {
    this.#starter = starter;
  }

  async putBack(tasks: readonly GuardedTask[], wanted: readonly OwnFileMount[]) {
    const done: { taskId: string; text: string }[] = [];
    for (const task of tasks) {
      const text = await this.#repair(task, wanted);
      if (text !== undefined) done.push({ taskId: task.taskId, text });
    }
    return done;
  }

  async #repair({ supervisor }: GuardedTask, wanted: readonly OwnFileMount[]): Promise<string | undefined> {
    const descriptors: number[] = [];
    const open = (name: string, flags: number) => {
      const fd = openSync(`/proc/${supervisor.pid}/${name}`, flags);
      descriptors.push(fd);
      return `/proc/${process.pid}/fd/${fd}`;
    };
    try {
      const missing = missingMounts(readFileSync(`/proc/${supervisor.pid}/mountinfo`, "utf8"), wanted);
      if (missing.length === 0) return undefined;
      const [namespace, folder] = [open("ns/mnt", constants.O_RDONLY), open("cwd", constants.O_DIRECTORY)];
      // Only now is it sure whose namespace that is.
      if (!isAlive(supervisor)) return undefined;
      for (const { name, target } of missing) await this.#starter.bindFile(namespace, folder, name, target);
      return putBackText(missing.map(({ name }) => name));
    } catch (error) {
      return isAlive(supervisor) ? (error as Error).message : undefined;
    } finally {
      for (const fd of descriptors) closeSync(fd);
    }
  }
}
