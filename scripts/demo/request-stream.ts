/** A steady stream of requests from a host of the fabric. */
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Cluster } from "../fabric/cluster.js";
import type { RequestResult } from "./answers.js";

const PROGRAM = join(resolve(import.meta.dirname, "../../../scripts/demo"), "requests.mjs");

export class RequestStream {
  readonly results: RequestResult[] = [];
  readonly #end: () => Promise<void>;

  /** @param pauseMs between two requests */
  constructor(cluster: Cluster, from: string, url: string, pauseMs: number) {
    const stream = cluster.spawn(from, [process.execPath, PROGRAM, url, "stream", String(pauseMs)]);
    const lines = createInterface({ input: stream.stdout! });
    lines.on("line", (line) => this.results.push(JSON.parse(line) as RequestResult));
    const ended = once(stream, "exit");
    this.#end = async () => {
      stream.kill("SIGTERM");
      await ended;
    };
  }

  get failed(): readonly RequestResult[] {
    return this.results.filter((result) => result.error !== undefined);
  }

  async stop(): Promise<void> {
    await this.#end();
  }
}
