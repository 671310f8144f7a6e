import test from "ava";
import type { CheckResult } from "../../../src/agent/health/health-text.js";
import { type HealthCheck, HealthWatch } from "../../../src/agent/health/health-watch.js";
import type { Clock } from "../../../src/agent/worker/clock.js";

/** Time that passes only when the test says so; what is due by then happens in its order. */
class SimulatedClock implements Clock {
  nowMs = 0;
  #pauses: { readonly dueMs: number; readonly end: () => void }[] = [];

  now(): number {
    return this.nowMs;
  }

  steady(): number {
    return this.nowMs;
  }

  async pause(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const pause = { dueMs: this.nowMs + durationMs, end: resolve };
      this.#pauses.push(pause);
      const drop = () => {
        this.#pauses = this.#pauses.filter((one) => one !== pause);
        resolve();
      };
      signal?.addEventListener("abort", drop, { once: true });
    });
  }

  get waiting(): number {
    return this.#pauses.length;
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      await settle();
      const next = this.#pauses.filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (!next) break;
      this.nowMs = next.dueMs;
      this.#pauses = this.#pauses.filter((one) => one !== next);
      next.end();
    }
    this.nowMs = untilMs;
  }
}

/** All that follows from what has happened has happened. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}

interface Bed {
  readonly clock: SimulatedClock;
  readonly watch: HealthWatch;
  /** When checks began and ended, and what was said: "begin 30", "end 31", "healthy 31" … in seconds. */
  readonly journal: string[];
}

const times = { intervalMs: 30_000, timeoutMs: 10_000, retries: 2, startPeriodMs: 0, startIntervalMs: 5000 };

/** @param answers what each check comes to, and after how many seconds; after the last it never ends by itself */
function begin(
  answers: readonly (readonly [status: number | Error, seconds: number])[],
  options: {
    readonly phase?: "starting" | "healthy";
    readonly times?: Partial<typeof times>;
    readonly upMs?: number;
  } = {},
): Bed {
  const clock = new SimulatedClock();
  const journal: string[] = [];
  const note = (what: string) => journal.push(`${what} ${clock.now() / 1000}`);
  const left = [...answers];
  const check: HealthCheck = {
    times: { ...times, ...options.times },
    runsForMs: () => options.upMs ?? 0,
    async check(over): Promise<CheckResult> {
      note("begin");
      const [status, seconds] = left.shift() ?? [0, Number.POSITIVE_INFINITY];
      await clock.pause(seconds * 1000, over);
      note(over.aborted ? "killed" : "end");
      if (status instanceof Error) throw status;
      return over.aborted ? { status: undefined, output: "half" } : { status, output: "out" };
    },
    close: () => note("close"),
  };
  const watch = new HealthWatch(check, clock, options.phase ?? "starting");
  void watch.healthy.then(() => note("healthy"));
  void watch.unhealthy.then((reason) => note(`${reason} at`));
  return { clock, watch, journal };
}

test("the next check comes an interval after the end of the one before", async (t) => {
  const { clock, journal } = begin([
    [0, 1],
    [0, 2],
  ]);
  await clock.advance(70_000);
  t.deepEqual(journal, ["begin 30", "end 31", "healthy 31", "begin 61", "end 63"]);
});

test("a check is broken off at its timeout, and the next one does not overlap with it", async (t) => {
  const { clock, journal } = begin([]);
  await clock.advance(90_000);
  t.deepEqual(journal, [
    "begin 30",
    "killed 40",
    "begin 70",
    "killed 80",
    "task: unhealthy: 2 checks in a row failed, the last took longer than 10s: half at 80",
    "close 80",
  ]);
});

test("a check that cannot be done counts as failed, with the reason", async (t) => {
  const { clock, journal } = begin([
    [new Error("no pipe"), 0],
    [new Error("no pipe"), 0],
  ]);
  await clock.advance(60_000);
  t.is(journal.at(-2), "task: unhealthy: 2 checks in a row failed, the last ended with 126: no pipe at 60");
});

test("within the start period checks come at the start interval and do not count", async (t) => {
  const { clock, journal } = begin(
    [
      [1, 0],
      [1, 0],
      [1, 0],
      [0, 0],
    ],
    { times: { startPeriodMs: 12_000 } },
  );
  await clock.advance(60_000);
  t.deepEqual(
    journal.filter((line) => !line.startsWith("end")),
    ["begin 5", "begin 10", "begin 15", "begin 45", "healthy 45"],
  );
});

test("the start period of a task that another agent started counts from the task's start", async (t) => {
  const { clock, journal } = begin([[1, 0]], { times: { startPeriodMs: 12_000, retries: 1 }, upMs: 20_000 });
  await clock.advance(31_000);
  t.is(journal.at(-2), "task: unhealthy: the check ended with 1: out at 30");
});

test("a task that was found healthy is so at once, and its failures count", async (t) => {
  const { clock, journal } = begin([[1, 0]], { phase: "healthy", times: { startPeriodMs: 99_000, retries: 1 } });
  await clock.advance(31_000);
  t.deepEqual(journal, [
    "healthy 0",
    "begin 30",
    "end 30",
    "task: unhealthy: the check ended with 1: out at 30",
    "close 30",
  ]);
});

test("who stops watching hears nothing more; a check under way is killed and nothing is left waiting", async (t) => {
  const { clock, watch, journal } = begin([]);
  await clock.advance(31_000);
  watch.stop();
  await clock.advance(600_000);
  t.deepEqual(journal, ["begin 30", "killed 31", "close 31"]);
  t.is(clock.waiting, 0);
});
