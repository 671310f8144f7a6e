/**
 * The manager as a process of its own beside the agent: one run of it. It gets only what it is told on its command line, nothing of this
 * process's environment and rights, and ends when the pipe to its standard input closes: with this process, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { asUser, type ManagerUser, managerEnvironment } from "./manager-user.js";

export const MANAGER_PROGRAM = fileURLToPath(new URL("../manager/main.js", import.meta.url));
const READY = /^ready control=(\S+)(?: remote=(\S+))?(?: state=(\w+))?/;
/** How it begins the line that says why it ends. */
const OWN_WORDS = "tswarm-manager: ";
const REMOVED_STATUS = 3;
/** Between asking it to end and ending it. */
const STOP_GRACE_MS = 5000;

/** How a run ended. */
export interface ManagerExit {
  /** It was taken out of the cluster's managers. */
  readonly removed: boolean;
  /** It was asked to. */
  readonly stopped: boolean;
  /** In the manager's own words, or how it ended. */
  readonly reason: string;
}

export interface ManagerReady {
  /** It waits for the unlock key. */
  readonly locked: boolean;
}

export class ManagerProcess {
  /** Its control socket answers. Never rejects: a run that ends before is seen in {@link ended} alone. */
  readonly ready: Promise<ManagerReady>;
  readonly ended: Promise<ManagerExit>;
  readonly #child: ChildProcess;
  #stopping = false;

  constructor(program: string, args: readonly string[], user: ManagerUser | undefined, log: (line: string) => void) {
    const [command, ...words] = asUser(user, [process.execPath, program, ...args]);
    const env = managerEnvironment(process.env);
    const child = spawn(command!, words, { stdio: ["pipe", "pipe", "pipe"], env, cwd: "/" });
    this.#child = child;
    let ownWords = "";
    createInterface({ input: child.stderr! }).on("line", (line) => {
      if (line.startsWith(OWN_WORDS)) ownWords = line.slice(OWN_WORDS.length);
      log(line);
    });
    // It may be gone when the pipe is closed.
    child.stdin!.on("error", () => undefined);
    this.ready = new Promise((resolve) => {
      createInterface({ input: child.stdout! }).on("line", (line) => {
        const match = READY.exec(line);
        if (match) resolve({ locked: match[3] === "locked" });
      });
    });
    this.ended = new Promise((resolve) => {
      child.once("error", (error) => resolve({ removed: false, stopped: this.#stopping, reason: error.message }));
      // Not "exit": its last line may still be in the pipe.
      child.once("close", (code, signal) =>
        resolve({
          removed: code === REMOVED_STATUS,
          stopped: this.#stopping,
          reason: signal ? `ended by ${signal}` : ownWords || `ended with status ${code}, its log says more`,
        }),
      );
    });
  }

  /** Resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#child.kill("SIGTERM");
    const force = setTimeout(() => this.#child.kill("SIGKILL"), STOP_GRACE_MS);
    await this.ended;
    clearTimeout(force);
  }
}
