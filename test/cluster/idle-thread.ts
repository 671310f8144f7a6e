/**
 * How long a thread that has nothing to do is kept from running: what a machine that is asked too much does to everybody. Where that is
 * longer than members of a log wait for each other, elections say nothing of the programs.
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";

const LOOK_MS = 10;

const PROGRAM = `
  const { parentPort } = require("node:worker_threads");
  let last = performance.now();
  let longest = 0;
  setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - ${LOOK_MS});
    last = now;
  }, ${LOOK_MS});
  parentPort.once("message", () => parentPort.postMessage(longest));
`;

export class IdleThread {
  readonly #worker = new Worker(PROGRAM, { eval: true });

  /** Ends it. @returns ms */
  async longestDelay(): Promise<number> {
    const answer = once(this.#worker, "message") as Promise<[number]>;
    this.#worker.postMessage("");
    const [longest] = await answer;
    await this.#worker.terminate();
    return longest;
  }
}
