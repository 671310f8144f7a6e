/**
 * Health checks of a process. They are run by a shell beside the task's command, see launch-scripts.ts: in the same namespaces and
 * cgroups and with the same rights, wherever the agent itself is confined. It takes orders from one FIFO and answers through another.
 *
 * What a check starts is in a cgroup of its own: so all of it can be killed.
 */
import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync, statSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import type { HealthTimes } from "../../health/health-spec.js";
import type { CheckResult } from "../../health/health-text.js";
import type { HealthCheck } from "../../health/health-watch.js";
import { PROBE_ANSWERS, PROBE_ORDERS, ProbeAnswer } from "./probe-answer.js";
import { emptyCgroups } from "./task-cgroup.js";
import type { TaskFiles } from "./task-files.js";

/** A killed check is answered for within milliseconds. */
const LAST_WORD_MS = 1000;
const LOOK_AGAIN_MS = 20;
/** Of one check; what comes after is read a piece at a time. */
const FREELY_READ_BYTES = 128 * 1024;
const REST_MS = 5;

interface Order {
  readonly answer: ProbeAnswer;
  readonly resolve: (result: CheckResult) => void;
}

export class ProcessHealth implements HealthCheck {
  readonly times: HealthTimes;
  readonly #files: TaskFiles;
  readonly #cgroup: string;
  readonly #label: string;
  #orders: number | undefined;
  #answers: Socket | undefined;
  /** Not answered yet; also one that was given up. */
  #open: Order | undefined;
  /** Since the last order. */
  #readBytes = 0;

  /** @param cgroup that of the checks, as a folder */
  constructor(times: HealthTimes, files: TaskFiles, cgroup: string, label: string) {
    this.times = times;
    this.#files = files;
    this.#cgroup = cgroup;
    this.#label = label;
  }

  runsForMs(): number {
    try {
      return Math.max(0, Date.now() - statSync(this.#files.path("started")).mtimeMs);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
      throw error;
    }
  }

  async check(over: AbortSignal): Promise<CheckResult> {
    if (this.#open) throw new Error("the check before this one has not ended, although it was killed");
    const orders = await this.#openPipes();
    const token = randomBytes(8).toString("hex");
    const answer = new ProbeAnswer(token);
    const answered = new Promise<CheckResult>((resolve) => {
      this.#open = { answer, resolve };
    });
    this.#readBytes = 0;
    writeSync(orders, `${token}\n`);
    const result = await Promise.race([answered, aborted(over)]);
    // Also what a check leaves behind that has ended: it would pile up.
    await emptyCgroups([this.#cgroup], this.#label);
    if (result) return result;
    // It may not have been there yet when it was killed.
    for (let waited = 0; this.#open && waited < LAST_WORD_MS; waited += LOOK_AGAIN_MS) {
      await Promise.race([answered, pause(LOOK_AGAIN_MS)]);
      await emptyCgroups([this.#cgroup], this.#label);
    }
    return { status: undefined, output: answer.output };
  }

  close(): void {
    this.#answers?.destroy();
    this.#answers = undefined;
    if (this.#orders !== undefined) closeSync(this.#orders);
    this.#orders = undefined;
  }

  /** A check that writes without end keeps the agent busy only now and then. */
  #rest(): void {
    const answers = this.#answers;
    answers?.pause();
    setTimeout(() => answers?.resume(), REST_MS).unref();
  }

  /** Both ends are held, so that opening never waits and a prober that comes late finds its order. */
  async #openPipes(): Promise<number> {
    if (this.#orders !== undefined) return this.#orders;
    // What an earlier agent asked for and did not see the end of.
    await emptyCgroups([this.#cgroup], this.#label);
    const both = constants.O_RDWR | constants.O_NONBLOCK;
    const orders = openSync(this.#files.path(PROBE_ORDERS), both);
    try {
      const answers = new Socket({ fd: openSync(this.#files.path(PROBE_ANSWERS), both), writable: false });
      answers.on("data", (chunk: Buffer) => this.#take(chunk));
      answers.on("error", () => this.close());
      answers.unref();
      this.#answers = answers;
    } catch (error) {
      closeSync(orders);
      throw error;
    }
    this.#orders = orders;
    return orders;
  }

  #take(chunk: Buffer): void {
    this.#readBytes += chunk.length;
    if (this.#readBytes > FREELY_READ_BYTES) this.#rest();
    const result = this.#open?.answer.take(chunk);
    if (!result) return;
    this.#open?.resolve(result);
    this.#open = undefined;
  }
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
}
