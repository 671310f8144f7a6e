/** The data plane as the main thread sees it: changes go in, promises come back when the kernel holds them. */
import { Worker } from "node:worker_threads";
import type { ObserveRequest, ObserveResult } from "../../api/generated/tswarm/v1/link.js";
import type {
  DataPlaneChange,
  DataPlaneFacts,
  DataPlaneOptions,
  DataPlaneProblem,
  FromDataPlane,
  ToDataPlane,
} from "./data-plane-protocol.js";

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export class DataPlaneClient {
  readonly #worker: Worker;
  readonly #changes = new Map<number, Waiter<readonly DataPlaneProblem[]>>();
  readonly #observations = new Map<number, Waiter<ObserveResult>>();
  readonly #log: (line: string) => void;
  #sequence = 0;
  #done = 0;
  #ready: Waiter<DataPlaneFacts> | undefined;
  #closed: Error | undefined;

  private constructor(options: DataPlaneOptions, log: (line: string) => void) {
    this.#log = log;
    this.#worker = new Worker(new URL("./data-plane-worker.js", import.meta.url), {
      workerData: options,
      // Sockets are opened through libc and closed by Node, which must not count them.
      trackUnmanagedFds: false,
      resourceLimits: { maxOldGenerationSizeMb: 1024 },
    });
    this.#worker.on("message", (message: FromDataPlane) => this.#received(message));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", (code) => this.#fail(new Error(`the data plane ended with status ${code}`)));
  }

  /** @throws Error with one clear line when the kernel lacks what a node needs */
  static async start(
    options: DataPlaneOptions,
    log: (line: string) => void,
    onFailure: (error: Error) => void,
  ): Promise<{ readonly client: DataPlaneClient; readonly facts: DataPlaneFacts }> {
    const client = new DataPlaneClient(options, log);
    const facts = await new Promise<DataPlaneFacts>((resolve, reject) => {
      client.#ready = { resolve, reject };
    });
    client.#ready = { resolve: () => {}, reject: onFailure };
    return { client, facts };
  }

  /** @returns what the kernel refused, once all changes up to this one are in it */
  change(change: DataPlaneChange): Promise<readonly DataPlaneProblem[]> {
    const sequence = ++this.#sequence;
    return this.#ask(this.#changes, sequence, { kind: "change", sequence, change });
  }

  observe(request: ObserveRequest): Promise<ObserveResult> {
    const sequence = ++this.#sequence;
    return this.#ask(this.#observations, sequence, { kind: "observe", sequence, request });
  }

  /** Removes every kernel object of this node. What is asked for later changes nothing any more: only {@link stop} is left. */
  async teardown(): Promise<void> {
    const sequence = ++this.#sequence;
    await this.#ask(this.#changes, sequence, { kind: "teardown", sequence });
  }

  /** Ends the Worker; the kernel keeps what it has. */
  async stop(): Promise<void> {
    this.#closed ??= new Error("the data plane was stopped");
    await this.#worker.terminate();
  }

  #ask<T>(waiters: Map<number, Waiter<T>>, sequence: number, message: ToDataPlane): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(this.#closed);
        return;
      }
      waiters.set(sequence, { resolve, reject });
      this.#worker.postMessage(message);
    });
  }

  #received(message: FromDataPlane): void {
    switch (message.kind) {
      case "ready":
        this.#ready?.resolve(message.facts);
        return;
      case "failed":
        this.#fail(new Error(message.error));
        return;
      case "log":
        this.#log(message.line);
        return;
      case "observed":
        this.#observations.get(message.sequence)?.resolve(message.result);
        this.#observations.delete(message.sequence);
        return;
      case "done":
        for (let sequence = this.#done + 1; sequence <= message.sequence; sequence++) {
          this.#changes.get(sequence)?.resolve(message.problems);
          this.#changes.delete(sequence);
        }
        this.#done = message.sequence;
    }
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#closed = error;
    for (const waiter of [...this.#changes.values(), ...this.#observations.values()]) waiter.reject(error);
    this.#changes.clear();
    this.#observations.clear();
    this.#ready?.reject(error);
  }
}
