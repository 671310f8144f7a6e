/**
 * Keeps the manager's process running while this node manages. One that dies is started again, with growing pauses; the agent and its
 * tasks go on meanwhile.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type ManagerExit, ManagerProcess } from "./manager-process.js";
import type { ManagerRunner } from "./manager-runner.js";
import type { ManagerUser } from "./manager-user.js";
import type { ManagerStart } from "./start-plan.js";

export interface ManagerKeeperOptions {
  readonly program: string;
  /** Whom it runs as; undefined: this process's own user. */
  readonly user?: ManagerUser;
  /** The manager's flags for a start. */
  readonly flags: (start: ManagerStart) => readonly string[];
  /** How to start it again: what it was told at first is done by then. */
  readonly restart: () => ManagerStart;
  /** It can be turned to, or not any more. */
  readonly onServing: (serving: boolean) => void;
  /** It was taken out of the cluster's managers; it has ended, and is not started again. */
  readonly onRemoved: () => void;
  /** Of the daemon. */
  readonly log: (line: string) => void;
  /** The manager's own lines. */
  readonly managerLog: (line: string) => void;
  readonly pauses?: { readonly firstMs: number; readonly lastMs: number; readonly goodRunMs: number };
}

/** A run that served so long was a good one: the next pause is the first again. */
const PAUSES = { firstMs: 500, lastMs: 10_000, goodRunMs: 5000 };

export class ManagerKeeper implements ManagerRunner {
  readonly #options: ManagerKeeperOptions;
  #process: ManagerProcess | undefined;
  #kept: Promise<void> = Promise.resolve();
  #end = new AbortController();

  constructor(options: ManagerKeeperOptions) {
    this.#options = options;
    this.#end.abort();
  }

  /** It runs, or shall run. */
  get isKept(): boolean {
    return !this.#end.signal.aborted;
  }

  /**
   * Starts it for the first time in this daemon's life. From then on it is kept.
   * @throws Error with the manager's own line when it does not come up
   */
  async begin(start: ManagerStart): Promise<void> {
    const end = this.#renew();
    const first = this.#spawn(start);
    const exit = await Promise.race([first.ended, first.ready.then(() => undefined)]);
    if (exit && !exit.removed && !exit.stopped) {
      end.abort();
      throw new Error(exit.reason);
    }
    this.#kept = this.#keep(first, end);
    // One that was removed while it was down ends at once.
    if (exit) await this.#kept;
  }

  /** The same for a node that becomes a manager while it runs: what goes wrong is tried again. */
  promote(start: ManagerStart): void {
    if (this.isKept) return;
    const end = this.#renew();
    const before = this.#kept;
    this.#kept = before.then(() => (end.signal.aborted ? undefined : this.#keep(this.#spawn(start), end)));
  }

  /** Resolves when it has ended and will not be started again. */
  async stop(): Promise<void> {
    this.#end.abort();
    // Later it may be kept anew: that is not waited for.
    const kept = this.#kept;
    await this.#process?.stop();
    await kept;
  }

  /** It is a child of this process, and ends with it. */
  release(): Promise<void> {
    return this.stop();
  }

  #renew(): AbortController {
    this.#end = new AbortController();
    return this.#end;
  }

  #spawn(start: ManagerStart): ManagerProcess {
    const { program, user, flags, onServing, log, managerLog } = this.#options;
    const run = new ManagerProcess(program, flags(start), user, managerLog);
    this.#process = run;
    void run.ready.then(({ locked }) => {
      if (locked) log('the manager is locked: "tsctl unlock" with the cluster\'s unlock key opens it; tasks go on');
      onServing(true);
    });
    return run;
  }

  async #keep(first: ManagerProcess, end: AbortController): Promise<void> {
    const { onServing, onRemoved, restart, log } = this.#options;
    const { firstMs, lastMs, goodRunMs } = this.#options.pauses ?? PAUSES;
    let failures = 0;
    for (let run = first; ; run = this.#spawn(restart())) {
      const exit = await this.#watch(
        run,
        () => {
          failures = 0;
        },
        goodRunMs,
      );
      onServing(false);
      // Whoever ended it knows why.
      if (end.signal.aborted) return;
      if (exit.removed) {
        end.abort();
        log("this node is no manager of the cluster any more; its tasks go on");
        onRemoved();
        return;
      }
      const pauseMs = Math.min(firstMs * 2 ** Math.min(failures++, 30), lastMs);
      log(`the manager ended: ${exit.reason}; next start in ${pauseMs} ms`);
      await pause(pauseMs, end.signal);
      if (end.signal.aborted) return;
    }
  }

  async #watch(run: ManagerProcess, onGood: () => void, goodRunMs: number): Promise<ManagerExit> {
    let timer: NodeJS.Timeout | undefined;
    void run.ready.then(() => {
      timer = setTimeout(onGood, goodRunMs);
    });
    const exit = await run.ended;
    clearTimeout(timer);
    return exit;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if ((error as Error).name !== "AbortError") throw error;
  }
}
