const NEVER = new Int32Array(new SharedArrayBuffer(4));

/** Holds the thread up for so long: for synchronous work that waits for the kernel. */
export function pause(ms: number): void {
  Atomics.wait(NEVER, 0, 0, ms);
}
