/** The tasks' own mounts, looked at and made again by a script that systemd runs: for an agent in a sandbox. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type GuardedTask, type OwnFileMount, putBackText, type TaskMounts } from "./mount-guard.js";
import { repairScript } from "./mount-repair.js";
import type { Starter } from "./starter.js";

export class OutsideMounts implements TaskMounts {
  readonly #script: string;
  readonly #output: string;
  readonly #starter: Starter;

  /** @param folder where script and answer lie for a moment */
  constructor(folder: string, starter: Starter) {
    this.#script = join(folder, "put-back");
    this.#output = join(folder, "put-back.out");
    this.#starter = starter;
  }

  async putBack(tasks: readonly GuardedTask[], wanted: readonly OwnFileMount[]) {
    try {
      await writeFile(this.#script, repairScript(tasks, wanted), { mode: 0o600 });
      await writeFile(this.#output, "", { mode: 0o600 });
      await this.#starter.runOutside(this.#script, this.#output);
      const names = new Map<string, string[]>();
      for (const line of (await readFile(this.#output, "utf8")).split("\n")) {
        const [taskId, name] = line.split(" ");
        if (taskId && name) names.set(taskId, [...(names.get(taskId) ?? []), name]);
      }
      return [...names].map(([taskId, own]) => ({ taskId, text: putBackText(own) }));
    } finally {
      await rm(this.#script, { force: true });
      await rm(this.#output, { force: true });
    }
  }
}
