/** Runs the reconcilers, in their order, whenever objects that they watch change, until none has anything to do. */
import { RaftError } from "../../raft/node/raft.js";
import type { Clock } from "../../store/clock.js";
import { StoreError } from "../../store/errors.js";
import type { Store } from "../../store/store.js";
import { isTermOver } from "../leadership/term-over.js";
import type { Reconciler } from "./reconciler.js";

const RETRY_MS = 1000;
/** Timers hold no more than some weeks: a longer wait is cut up. */
const MAX_SLEEP_MS = 3_600_000;

interface Entry {
  readonly reconciler: Reconciler;
  due: boolean;
  wakeAtMs: number | undefined;
  /** One after the other. */
  failures: number;
}

export class ControlLoop {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  readonly #entries: readonly Entry[];
  readonly #ends: (() => void)[] = [];
  #running: Promise<void> | undefined;
  #cancelTimer: () => void = () => {};
  #stopped = false;

  constructor(store: Store, clock: Clock, reconcilers: readonly Reconciler[], log: (line: string) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#entries = reconcilers.map((reconciler) => ({ reconciler, due: true, wakeAtMs: undefined, failures: 0 }));
  }

  /** Everybody begins with the same state. */
  start(): void {
    for (const entry of this.#entries) {
      const { reconciler } = entry;
      const { end } = this.#store.viewAndWatch(
        (read) => reconciler.begin(read),
        reconciler.selectors,
        (events) => {
          if (!reconciler.noticed(events)) return;
          entry.due = true;
          this.#run();
        },
      );
      this.#ends.push(end);
    }
    this.#run();
  }

  /** Resolves when nothing is to be done until something changes or time passes. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Ends after the reconciler that is at work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const end of this.#ends.splice(0)) end();
    this.#cancelTimer();
    await this.#running;
  }

  #run(): void {
    if (this.#stopped || this.#running) return;
    this.#cancelTimer();
    // After the events at hand have been delivered: many changes, one run.
    this.#running = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#untilIdle())
      .finally(() => {
        this.#running = undefined;
        // What was noticed after the last look must not wait for the next event.
        if (this.#entries.some(({ due }) => due)) this.#run();
        else this.#arm();
      });
  }

  /** Round after round, so that a reconciler with much to do does not keep the others from theirs. */
  async #untilIdle(): Promise<void> {
    while (this.#entries.some(({ due }) => due)) {
      for (const entry of this.#entries) {
        if (this.#stopped) return;
        if (entry.due) await this.#reconcile(entry);
      }
    }
  }

  async #reconcile(entry: Entry): Promise<void> {
    entry.due = false;
    try {
      entry.wakeAtMs = await entry.reconciler.reconcile();
      entry.failures = 0;
    } catch (error) {
      entry.failures++;
      if (isNews(error, entry.failures)) this.#log(`${entry.reconciler.name}: ${textOf(error)}`);
      entry.wakeAtMs = this.#clock.now() + RETRY_MS;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  #arm(): void {
    if (this.#stopped) return;
    const times = this.#entries.flatMap(({ wakeAtMs }) => wakeAtMs ?? []);
    if (times.length === 0) return;
    const delayMs = Math.min(Math.max(0, Math.min(...times) - this.#clock.now()), MAX_SLEEP_MS);
    this.#cancelTimer = this.#clock.after(delayMs, () => {
      const now = this.#clock.now();
      for (const entry of this.#entries) {
        if (entry.wakeAtMs === undefined || entry.wakeAtMs > now) continue;
        entry.wakeAtMs = undefined;
        entry.due = true;
      }
      this.#run();
    });
  }
}

/** When another manager leads, this loop is about to be stopped; while leadership is handed over, the log is busy for a moment. */
function isNews(error: unknown, failures: number): boolean {
  if (isTermOver(error)) return false;
  return !(error instanceof RaftError && error.code === "busy" && failures === 1);
}

/** What the store or the log refuse is no defect of the reconciler's. */
function textOf(error: unknown): string {
  if (error instanceof RaftError || error instanceof StoreError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
