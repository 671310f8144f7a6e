/**
 * Starts tasks: from within the task's network namespace, in a session of its own, unshare(1), which makes the namespaces of all other
 * kinds. What it started outlives the agent.
 */
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { collectChild, spawnChild } from "../../../../native-bindings/spawn.js";
import type { SystemCallError } from "../../../../native-bindings/system-call-error.js";
import { inNamespace } from "../../../../netns/index.js";
import { TaskError } from "../executor.js";
import { SETUP_PATH } from "./starter.js";
import type { TaskFiles } from "./task-files.js";

const { O_APPEND, O_CREAT, O_RDONLY, O_RDWR, O_WRONLY } = constants;
const APPENDED = { flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600 };
const UNSHARE = "--mount --uts --ipc --pid --fork --kill-child --propagation slave";
/** unshare(1) is dismissed, and ends, once its task runs. */
const COLLECT_MS = 100;

export class Launcher {
  readonly #children = new Set<number>();
  #program: string | undefined;
  /** Resolves when the next task may be started. */
  #turn: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /**
   * Runs `setup` in a task's folder within a network namespace and within new namespaces of all other kinds. Of its descriptors, 2 takes
   * what goes wrong during set-up, 3 is the lifeline, 5 the task's own stderr.
   * @returns once the new process holds them. @throws TaskError, fatal when there is no such network namespace
   */
  async startTask(
    label: string,
    { folder, stdout, stderr, lifeline }: TaskFiles,
    namespacePath: string,
  ): Promise<void> {
    const turn = this.#turn;
    // This thread waits for each child: between two of them it does what else is due.
    this.#turn = turn.then(() => new Promise((resolve) => setImmediate(resolve)));
    await turn;
    this.#program ??= setupProgram("unshare");
    const child = {
      program: this.#program,
      args: [...UNSHARE.split(" "), "--", "/bin/sh", join(folder, "setup")],
      env: [`PATH=${SETUP_PATH}`],
      folder,
      files: [
        { fd: 0, path: "/dev/null", flags: O_RDONLY },
        { fd: 1, path: stdout, ...APPENDED },
        { fd: 2, path: "setup.log", ...APPENDED },
        { fd: 3, path: lifeline, flags: O_RDWR },
        { fd: 5, path: stderr, ...APPENDED },
      ],
    };
    let namespace: number | undefined;
    try {
      namespace = openSync(namespacePath, O_RDONLY);
      this.#children.add(inNamespace(namespace, () => spawnChild(child)));
    } catch (error) {
      const { syscall, message } = error as SystemCallError;
      const isSandbox = syscall === "open" || syscall === "setns";
      const what = isSandbox ? `set up the task's sandbox: ${namespacePath}` : "start the task";
      throw new TaskError(`${label}: cannot ${what}: ${message}`, isSandbox);
    } finally {
      if (namespace !== undefined) closeSync(namespace);
    }
    this.#collectSoon();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** A child that has ended stays in the kernel's table until its parent has taken note. */
  #collectSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      for (const pid of this.#children) if (collectChild(pid)) this.#children.delete(pid);
      if (this.#children.size > 0) this.#collectSoon();
    }, COLLECT_MS).unref();
  }
}

function setupProgram(name: string): string {
  const places = SETUP_PATH.split(":").map((folder) => join(folder, name));
  return places.find(existsSync) ?? places[0]!;
}
