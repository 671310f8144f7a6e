/**
 * The manager as a unit of systemd, beside the daemon's own. A path unit runs it while a file is there; flags come to it by another file.
 * It outlives the daemon, and says that it was taken out of the cluster by removing the first file.
 */
import { execFile } from "node:child_process";
import { closeSync, existsSync, fchmodSync, fchownSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { ManagerRunner } from "./manager-runner.js";
import type { ManagerUser } from "./manager-user.js";
import type { ManagerStart } from "./start-plan.js";

/** In the manager's folder: while it is there the unit runs. */
export const ENABLED_FILE = "enabled";
/** In the manager's folder: an environment file with one variable. */
const FLAGS_FILE = "flags";
const FLAGS_VARIABLE = "TSWARM_MANAGER_FLAGS";
const FLAGS_MODE = 0o640;
const LOOK_MS = 500;
/** A manager that reads a long log, or waits for the others to take it in. */
const START_LIMIT_MS = 100_000;

export interface ManagerUnitOptions {
  /** "tswarm-manager.service" */
  readonly unit: string;
  /** The manager's folder. */
  readonly folder: string;
  readonly user: ManagerUser | undefined;
  readonly flags: (start: ManagerStart) => readonly string[];
  readonly restart: () => ManagerStart;
  /** Whether the manager's control socket answers. */
  readonly look: () => Promise<boolean>;
  readonly onServing: (serving: boolean) => void;
  readonly onRemoved: () => void;
  readonly log: (line: string) => void;
  /** Runs systemctl. */
  readonly systemctl?: (...args: readonly string[]) => Promise<string>;
  readonly lookMs?: number;
}

export class ManagerUnit implements ManagerRunner {
  readonly #options: ManagerUnitOptions;
  #watch: Promise<void> = Promise.resolve();
  #end = new AbortController();

  constructor(options: ManagerUnitOptions) {
    this.#options = options;
    this.#end.abort();
  }

  get isKept(): boolean {
    return !this.#end.signal.aborted;
  }

  async begin(start: ManagerStart): Promise<void> {
    const { unit, folder, look } = this.#options;
    const end = this.#begin();
    // One that ran on while the daemon was away has done what it was told at first.
    const runsOn =
      !start.bootstrap && !start.forceNewCluster && existsSync(join(folder, ENABLED_FILE)) && (await look());
    if (!runsOn) {
      if (existsSync(join(folder, ENABLED_FILE))) await this.#stopUnit();
      this.#enable(start);
      const reason = await this.#untilServing(end);
      if (reason !== undefined) {
        end.abort();
        await this.#stopUnit();
        throw new Error(`${unit} does not come up: ${reason}`);
      }
    }
    // Started again it goes on with what it has.
    this.#writeFlags(this.#options.restart());
    this.#watch = this.#watchUnit(end);
  }

  promote(start: ManagerStart): void {
    if (this.isKept) return;
    const end = this.#begin();
    const before = this.#watch;
    this.#watch = before.then(() => {
      if (end.signal.aborted) return;
      this.#enable(start);
      return this.#watchUnit(end);
    });
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#watch;
    await this.#stopUnit();
  }

  async release(): Promise<void> {
    this.#end.abort();
    await this.#watch;
  }

  #begin(): AbortController {
    this.#end = new AbortController();
    return this.#end;
  }

  #enable(start: ManagerStart): void {
    this.#writeFlags(start);
    this.#write(ENABLED_FILE, "");
  }

  #writeFlags(start: ManagerStart): void {
    this.#write(FLAGS_FILE, `${FLAGS_VARIABLE}=${this.#options.flags(start).join(" ")}\n`);
  }

  /** The folder is the manager's: what it may have put there is not written through. */
  #write(name: string, text: string): void {
    const path = join(this.#options.folder, name);
    rmSync(path, { force: true });
    const file = openSync(path, "wx", FLAGS_MODE);
    const { user } = this.#options;
    try {
      // Whatever this process's mask is.
      fchmodSync(file, FLAGS_MODE);
      if (user) fchownSync(file, user.uid, user.gid);
      writeFileSync(file, text);
    } finally {
      closeSync(file);
    }
  }

  async #stopUnit(): Promise<void> {
    const { unit, folder } = this.#options;
    rmSync(join(folder, ENABLED_FILE), { force: true });
    await this.#systemctl("stop", unit);
  }

  /** @returns why it has ended, or does not serve in time; undefined once it serves */
  async #untilServing(end: AbortController): Promise<string | undefined> {
    const { unit, look, lookMs = LOOK_MS } = this.#options;
    const giveUpAt = performance.now() + START_LIMIT_MS;
    while (!(await look())) {
      const state = await this.#systemctl("show", "--value", "--property=Result", unit);
      if (state.trim() !== "" && state.trim() !== "success")
        return `${state.trim()}; "journalctl -u ${unit}" says more`;
      if (performance.now() > giveUpAt) return `it does not answer; "journalctl -u ${unit}" says more`;
      await pause(lookMs, end.signal);
      if (end.signal.aborted) return "the daemon is stopping";
    }
    return undefined;
  }

  async #watchUnit(end: AbortController): Promise<void> {
    const { folder, look, onServing, onRemoved, log, lookMs = LOOK_MS } = this.#options;
    let isServing = false;
    while (!end.signal.aborted) {
      const serves = await look();
      if (serves !== isServing) onServing(serves);
      isServing = serves;
      if (!serves && !existsSync(join(folder, ENABLED_FILE)) && !end.signal.aborted) {
        end.abort();
        log("this node is no manager of the cluster any more; its tasks go on");
        onRemoved();
        return;
      }
      await pause(lookMs, end.signal);
    }
    if (isServing) onServing(false);
  }

  async #systemctl(...args: readonly string[]): Promise<string> {
    const run = this.#options.systemctl ?? systemctl;
    try {
      return await run(...args);
    } catch (error) {
      this.#options.log(`systemctl ${args.join(" ")}: ${(error as Error).message}`);
      return "";
    }
  }
}

async function systemctl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("systemctl", [...args]);
  return stdout;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
  }
}
