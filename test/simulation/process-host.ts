/** A machine of the simulation on which one process runs at a time: it can be killed, paused, and its clock set. */
import type { Clock } from "../../src/store/clock.js";
import type { VirtualTime } from "./virtual-time.js";

/** Simulated time starts here, ms since 1970. */
const EPOCH_MS = 1_700_000_000_000;

export class ProcessHost {
  readonly #time: VirtualTime;
  readonly #waiting: (() => void)[] = [];
  #process: SimulatedProcess | undefined;
  #resume: (() => void) | undefined;
  /** The clock's time is EPOCH + offset + rate * (simulated time). */
  #offsetMs = 0;
  #rate = 1;

  /** @param onSent called when a message of the process that runs here is out, with its type */
  constructor(
    readonly name: string,
    time: VirtualTime,
    readonly onSent: (type: number) => void = () => undefined,
  ) {
    this.#time = time;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  get isPaused(): boolean {
    return this.#resume !== undefined;
  }

  /** The clock runs so much faster than time. */
  get clockRate(): number {
    return this.#rate;
  }

  clockMs(): number {
    return EPOCH_MS + this.#offsetMs + this.#rate * this.#time.now;
  }

  start(): SimulatedProcess {
    this.kill();
    this.#process = new SimulatedProcess(this, this.#time);
    return this.#process;
  }

  /** Nothing of it happens any more. */
  kill(): void {
    this.unpause();
    this.#process?.die();
    this.#process = undefined;
  }

  /** Nothing happens here for a while, then all that would have. */
  pause(forMs: number): void {
    this.unpause();
    this.#resume = this.#time.after(forMs, () => {
      this.#resume = undefined;
      this.#flush();
    });
  }

  unpause(): void {
    if (!this.#resume) return;
    this.#resume();
    this.#resume = undefined;
    this.#flush();
  }

  jumpClock(byMs: number): void {
    this.#offsetMs += byMs;
  }

  setClockRate(rate: number): void {
    this.#offsetMs += (this.#rate - rate) * this.#time.now;
    this.#rate = rate;
  }

  /** Does it now, or when the host goes on. */
  perform(action: () => void): void {
    if (this.isPaused) this.#waiting.push(action);
    else action();
  }

  #flush(): void {
    // Each an event of its own, so that what follows from one happens before the next.
    for (const action of this.#waiting.splice(0)) this.#time.after(0, () => this.perform(action));
  }
}

/** A process from its start to its death. What it asked for does not happen after that, nor do its promises end. */
export class SimulatedProcess implements Clock {
  #alive = true;
  readonly #host: ProcessHost;
  readonly #time: VirtualTime;

  constructor(host: ProcessHost, time: VirtualTime) {
    this.#host = host;
    this.#time = time;
  }

  get isAlive(): boolean {
    return this.#alive;
  }

  get host(): ProcessHost {
    return this.#host;
  }

  die(): void {
    this.#alive = false;
  }

  now(): number {
    return this.#host.clockMs();
  }

  /** By this host's clock. */
  after(delayMs: number, action: () => void): () => void {
    return this.afterReal(delayMs / this.#host.clockRate, action);
  }

  soon(action: () => void): void {
    this.afterReal(0, action);
  }

  /** By simulated time: how long the outside takes. */
  afterReal(delayMs: number, action: () => void): () => void {
    let isWanted = this.#alive;
    if (!isWanted) return () => undefined;
    const cancel = this.#time.after(delayMs, () => {
      if (!this.#alive || !isWanted) return;
      this.#host.perform(() => {
        if (this.#alive && isWanted) action();
      });
    });
    return () => {
      isWanted = false;
      cancel();
    };
  }

  /** Ends after this time with what `effect` gives; never when the process dies before. */
  whenDone<T>(delayMs: number, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.afterReal(delayMs, () => {
        try {
          resolve(effect());
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}
