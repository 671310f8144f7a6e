/**
 * The manager as a process of its own beside the agent. It gets only what it is told on its command line, and ends when the pipe to its
 * standard input closes: with this process, however that ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { DaemonOptions } from "./options.js";

const PROGRAM = fileURLToPath(new URL("../manager/main.js", import.meta.url));
const READY = "ready";

export class ManagerProcess {
  readonly #child: ChildProcess;
  #stopping = false;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * @returns once the manager answers
   * @throws Error with the manager's own line when it cannot start
   */
  static async start(
    nodeId: string,
    options: DaemonOptions,
    underlayAddress: string,
    onExit: (reason: string) => void,
    log: (line: string) => void,
  ): Promise<ManagerProcess> {
    const child = spawn(
      process.execPath,
      [
        PROGRAM,
        ...["--state-dir", `${options.stateDir}/manager`],
        ...["--node-id", nodeId],
        ...["--listen-control-api", options.controlSocket],
        ...["--listen-remote-api", options.remoteAddress],
        ...["--advertise-remote-api", advertised(options.remoteAddress, underlayAddress)],
        ...["--heartbeat-period-ms", String(options.heartbeatPeriodMs)],
        ...["--data-path-port", String(options.dataPathPort)],
      ],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    const manager = new ManagerProcess(child);
    let lastLine = "";
    createInterface({ input: child.stderr! }).on("line", (line) => {
      lastLine = line;
      log(line);
    });
    await new Promise<void>((resolve, reject) => {
      createInterface({ input: child.stdout! }).on("line", (line) => {
        if (line.startsWith(READY)) resolve();
      });
      child.on("error", reject);
      child.on("exit", (code, signal) => {
        const reason = lastLine || `the manager ended with ${signal ?? `status ${code}`}`;
        reject(new Error(reason.replace(/^tswarm-manager: /, "")));
        if (!manager.#stopping) onExit(reason);
      });
    });
    return manager;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    await ended;
  }
}

/** Where other nodes reach a manager that listens at every address. */
function advertised(remoteAddress: string, underlayAddress: string): string {
  return remoteAddress.replace(/^0\.0\.0\.0:/, `${underlayAddress}:`);
}
