/**
 * While a simulation runs, nobody may wait for real time, read a clock of the machine or ask chance: it would go differently every time.
 * What only wants to let others have their turn waits for the next moment of simulated time instead.
 */
import type { VirtualTime } from "./virtual-time.js";

/** Callers that count: the test runner has clocks of its own. */
const OURS = /[\\/]build[\\/]src[\\/]/;

/** @param broken told of who asks @returns a function that gives real time back */
export function guardRealTime(time: VirtualTime, broken: (text: string) => void): () => void {
  const { setImmediate, setTimeout, setInterval } = globalThis;
  const { now } = Date;
  const { random } = Math;
  const guarded = <Call extends (...args: never[]) => unknown>(name: string, call: Call): Call =>
    ((...args: Parameters<Call>) => {
      const stack = new Error(`${name} is called: time and chance have to be injected`).stack ?? "";
      if (OURS.test(stack)) broken(stack);
      return call(...args);
    }) as Call;
  globalThis.setImmediate = ((action: (...args: unknown[]) => void, ...args: unknown[]) =>
    time.after(0, () => action(...args))) as never;
  globalThis.setTimeout = guarded("setTimeout", setTimeout as never);
  globalThis.setInterval = guarded("setInterval", setInterval as never);
  Date.now = guarded("Date.now", now);
  Math.random = guarded("Math.random", random);
  return () => {
    Object.assign(globalThis, { setImmediate, setTimeout, setInterval });
    Date.now = now;
    Math.random = random;
  };
}
