/**
 * Whose turn it is: timers that a part asks of the machine, as pacing of I/O does, belong to the process that runs then. They wait while
 * its host is paused, and nothing comes of them once it has died.
 */
import { ProcessHost, type SimulatedProcess } from "../simulation/process-host.js";
import { VirtualTime } from "../simulation/virtual-time.js";

export class TurnTime extends VirtualTime {
  /** undefined: nobody's in the simulated cluster. */
  running: SimulatedProcess | undefined;

  override after(delayMs: number, action: () => void): () => void {
    return super.after(delayMs, () => {
      this.running = undefined;
      action();
    });
  }
}

export class TurnHost extends ProcessHost {
  readonly #time: TurnTime;
  readonly #onDeath: (process: SimulatedProcess) => void;

  /** @param onDeath called when a process has ended here */
  constructor(
    name: string,
    time: TurnTime,
    onSent: (type: number) => void = () => undefined,
    onDeath: (process: SimulatedProcess) => void = () => undefined,
  ) {
    super(name, time, onSent);
    this.#time = time;
    this.#onDeath = onDeath;
  }

  override perform(action: () => void): void {
    super.perform(() => {
      this.#time.running = this.process;
      action();
    });
  }

  override kill(): void {
    const { process } = this;
    super.kill();
    if (process) this.#onDeath(process);
  }
}

interface Handle {
  readonly cancel: () => void;
  ref(): Handle;
  unref(): Handle;
}

/**
 * Puts simulated time in the place of the machine's clocks and timers. @param broken told of who asks the machine for chance
 * @returns a function that gives the real ones back
 */
export function virtualTimers(time: TurnTime, epochMs: number, broken: (text: string) => void): () => void {
  const { setTimeout, clearTimeout, setInterval, setImmediate, clearImmediate } = globalThis;
  const dateNow = Date.now;
  const { now } = performance;
  const { random } = Math;
  const begin = (delayMs: number, action: (...args: unknown[]) => void, args: readonly unknown[]): Handle => {
    const due = () => action(...args);
    const cancel = time.running ? time.running.afterReal(delayMs, due) : time.after(delayMs, due);
    const handle: Handle = { cancel, ref: () => handle, unref: () => handle };
    return handle;
  };
  const clear = (handle: Handle | undefined) => handle?.cancel?.();
  Object.assign(globalThis, {
    setTimeout: (action: () => void, delayMs = 0, ...args: unknown[]) => begin(delayMs, action, args),
    setImmediate: (action: () => void, ...args: unknown[]) => begin(0, action, args),
    clearTimeout: clear,
    clearImmediate: clear,
    setInterval: (...args: Parameters<typeof setInterval>) => {
      broken(new Error("setInterval is called: time has to be injected").stack ?? "");
      return setInterval(...args);
    },
  });
  performance.now = () => time.now;
  Date.now = () => epochMs + time.now;
  Math.random = () => {
    const stack = new Error("Math.random is called: chance has to be injected").stack ?? "";
    if (OURS.test(stack)) broken(stack);
    return random();
  };
  return () => {
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, setImmediate, clearImmediate });
    Date.now = dateNow;
    performance.now = now;
    Math.random = random;
  };
}

const OURS = /[\\/]build[\\/]src[\\/]/;
