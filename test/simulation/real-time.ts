/**
 * While a simulation runs, nobody may wait for real time: it would go differently every time. What only wants to let others have
 * their turn waits for the next moment of simulated time instead.
 */
import type { VirtualTime } from "./virtual-time.js";

/** @param broken told of who asks for a timer @returns a function that gives real time back */
export function guardRealTime(time: VirtualTime, broken: (text: string) => void): () => void {
  const { setImmediate, setTimeout, setInterval } = globalThis;
  const refuse = (name: string) => () => {
    broken(new Error(`${name} is called: time has to be injected`).stack ?? name);
    return { unref: () => undefined, ref: () => undefined };
  };
  globalThis.setImmediate = ((action: (...args: unknown[]) => void, ...args: unknown[]) =>
    time.after(0, () => action(...args))) as never;
  globalThis.setTimeout = refuse("setTimeout") as never;
  globalThis.setInterval = refuse("setInterval") as never;
  return () => {
    Object.assign(globalThis, { setImmediate, setTimeout, setInterval });
  };
}
