import test from "ava";
import type { Clock } from "../../../src/raft/node/clock.js";
import { Ticker } from "../../../src/raft/node/ticker.js";

/** One timer at most, fired late or in time by hand. */
class HandClock implements Clock {
  nowMs = 1000;
  #timer: { readonly at: number; readonly action: () => void } | undefined;

  now(): number {
    return this.nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { at: this.nowMs + delayMs, action };
    this.#timer = timer;
    return () => {
      if (this.#timer === timer) this.#timer = undefined;
    };
  }

  soon(action: () => void): void {
    action();
  }

  get dueInMs(): number | undefined {
    return this.#timer && this.#timer.at - this.nowMs;
  }

  /** The timer fires, so much later than it should. */
  fire(lateMs: number): void {
    const timer = this.#timer!;
    this.#timer = undefined;
    this.nowMs = Math.max(this.nowMs, timer.at) + lateMs;
    timer.action();
  }
}

function ticking() {
  const clock = new HandClock();
  let ticks = 0;
  const ticker = new Ticker(clock, 100, () => ticks++);
  ticker.start();
  return { clock, ticker, ticks: () => ticks };
}

test("small delays do not add up", (t) => {
  const { clock, ticks } = ticking();
  for (let i = 0; i < 10; i++) clock.fire(clock.dueInMs === 100 ? 30 : 0);
  t.true(clock.nowMs <= 1000 + 10 * 100 + 30);
  t.is(ticks(), 10);
});

const STALLS = [
  { lateMs: 0, ticks: 1, missed: 0, dueInMs: 100 },
  { lateMs: 99, ticks: 1, missed: 0, dueInMs: 1 },
  { lateMs: 100, ticks: 2, missed: 0, dueInMs: 100 },
  { lateMs: 250, ticks: 2, missed: 1, dueInMs: 100 },
  { lateMs: 60_000, ticks: 2, missed: 599, dueInMs: 100 },
];

for (const { lateMs, ticks: expected, missed, dueInMs } of STALLS) {
  test(`a process that stood still for ${lateMs} ms makes ${expected} ticks of it`, (t) => {
    const { clock, ticker, ticks } = ticking();
    clock.fire(lateMs);
    t.is(ticks(), expected);
    t.is(ticker.missed, missed);
    t.is(clock.dueInMs, dueInMs);
  });
}

test("a clock that is set back stops nothing", (t) => {
  const { clock, ticks } = ticking();
  clock.fire(0);
  clock.nowMs -= 1_000_000;
  clock.fire(0);
  t.is(ticks(), 2);
  t.true(clock.dueInMs! <= 100);
});

test("another tick length counts at once; a stopped ticker is still", (t) => {
  const { clock, ticker, ticks } = ticking();
  ticker.setTickMs(1000);
  t.is(clock.dueInMs, 1000);
  clock.fire(0);
  t.is(ticks(), 1);
  ticker.stop();
  t.is(clock.dueInMs, undefined);
});
