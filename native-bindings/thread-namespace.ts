/**
 * The network namespace of the calling thread.
 *
 * A thread leaves its namespace only inside {@link inNetworkNamespace} and {@link inNewNetworkNamespace}: synchronously, so
 * that nothing else ever runs while it is away. A thread that cannot return is lost (all that it does from then on would
 * happen to the wrong namespace): then the process is aborted.
 */
import { closeSync, openSync, writeSync } from "node:fs";
import { abort, CLONE_NEWNET, setns, unshare } from "./libc.js";

/** The namespace the thread is in now. Every Worker has a module instance, hence a variable, of its own. */
let current = -1;

function currentNamespace(): number {
  if (current < 0) current = openSync("/proc/thread-self/ns/net", "r");
  return current;
}

/**
 * Runs `work` in the network namespace behind `fd` and returns to where the thread was. May be nested.
 * @throws TypeError when `work` returns a promise: what it does later would happen in the thread's own namespace
 * @throws SystemCallError when the namespace cannot be entered; then `work` has not run
 */
export function inNetworkNamespace<T>(fd: number, work: () => T): T {
  const before = currentNamespace();
  setns(fd, CLONE_NEWNET);
  current = fd;
  try {
    return refusePromise(work());
  } finally {
    returnTo(before);
  }
}

/**
 * Makes a network namespace and runs `work` in it. It lasts as long as something holds it: a mount, a descriptor, a
 * socket, a process.
 * @throws TypeError when `work` returns a promise, SystemCallError when no namespace can be made
 */
export function inNewNetworkNamespace<T>(work: () => T): T {
  const before = currentNamespace();
  let made = -1;
  unshare(CLONE_NEWNET);
  try {
    made = openSync("/proc/thread-self/ns/net", "r");
    current = made;
    return refusePromise(work());
  } finally {
    returnTo(before);
    if (made >= 0) closeSync(made);
  }
}

function returnTo(fd: number): void {
  try {
    setns(fd, CLONE_NEWNET);
    current = fd;
  } catch (error) {
    writeSync(2, `fatal: a thread cannot return to its network namespace: ${(error as Error).message}\n`);
    abort();
  }
}

function refusePromise<T>(result: T): T {
  if (typeof (result as { then?: unknown } | null | undefined)?.then === "function") {
    // Whatever it rejects with, the caller hears of the TypeError.
    Promise.resolve(result).catch(() => undefined);
    throw new TypeError("work in a network namespace must be synchronous, but it returned a promise");
  }
  return result;
}
