/** Listens for log subscriptions at the manager that the node has its session with, and serves those that concern it. */
import type { Client, ServiceError } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { LogBrokerService, type SubscriptionMessage } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { backOffMs } from "../worker/back-off.js";
import type { Clock } from "../worker/clock.js";
import { openPublisher } from "./log-publisher.js";
import { LogSubscription } from "./log-subscription.js";
import type { OutputRecorder } from "./output-recorder.js";

/** A way to a manager, for as long as it is listened to. */
export interface BrokerConnection {
  readonly address: string;
  readonly client: Client;
  release(): void;
}

export interface LogListenerOptions {
  readonly nodeId: string;
  /** The way to the manager of the session. @throws Error when there is none */
  readonly connect: () => BrokerConnection;
  readonly tasks: () => readonly Task[];
  readonly outputs: OutputRecorder;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: (line: string) => void;
}

/** Each holds some files open. A manager that asks for more hears nothing of those, and says so to who reads. */
const MAX_SUBSCRIPTIONS = 64;
/** A stream that stood so long was a good one. */
const STABLE_MS = 5000;
/** After a leader's end all nodes come anew: not all at once. */
const SPREAD_MS = 1000;
/** A manager without a log broker may be replaced by one that has it. */
const UNKNOWN_PAUSE_MS = 600_000;

interface Running {
  readonly subscription: LogSubscription;
  readonly abort: AbortController;
}

export class LogListener {
  readonly #options: LogListenerOptions;
  readonly #running = new Map<string, Running>();
  /** Of the manager that is listened to. */
  #address: string | undefined;
  readonly #stop = new AbortController();
  #move = new AbortController();
  #loop: Promise<void> | undefined;
  #published: Promise<void> = Promise.resolve();

  constructor(options: LogListenerOptions) {
    this.#options = options;
  }

  /** The session stands with this manager. */
  follow(address: string): void {
    if (this.#stop.signal.aborted) return;
    if (this.#address !== address) this.#move.abort();
    this.#loop ??= this.#listen();
  }

  /** What tasks there are, or how they are, has changed. */
  tasksChanged(): void {
    for (const { subscription } of this.#running.values()) subscription.wake();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#move.abort();
    await this.#loop;
    await this.#published;
  }

  async #listen(): Promise<void> {
    const { clock, random, log } = this.#options;
    let attempt = 0;
    while (!this.#stop.signal.aborted) {
      this.#move = new AbortController();
      const begunMs = clock.steady();
      const failure = await this.#listenOnce(this.#move.signal).catch((error: Error) => error);
      if (this.#stop.signal.aborted) return;
      const isUnknown = (failure as Partial<ServiceError>).code === status.UNIMPLEMENTED;
      attempt = clock.steady() - begunMs > STABLE_MS ? 0 : attempt + 1;
      if (attempt === MANY_FAILURES) log(`logs of this node cannot be asked for at present: ${failure.message}`);
      // Whoever moved need not wait; else the pause is drawn.
      const pauseMs = isUnknown ? UNKNOWN_PAUSE_MS : backOffMs(attempt, random()) + random() * SPREAD_MS;
      if (!this.#move.signal.aborted) await clock.pause(pauseMs, this.#move.signal);
    }
  }

  /** Rejects, or resolves with the reason, when the stream is over. */
  #listenOnce(moved: AbortSignal): Promise<Error> {
    const { address, client, release } = this.#options.connect();
    this.#address = address;
    const { path, requestSerialize, responseDeserialize } = LogBrokerService.listenSubscriptions;
    const stream = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    return new Promise((resolve) => {
      let isOver = false;
      const end = (reason: Error) => {
        if (isOver) return;
        isOver = true;
        moved.removeEventListener("abort", leave);
        stream.cancel();
        // Without it nobody would say when to end.
        for (const id of [...this.#running.keys()]) this.#end(id);
        release();
        resolve(reason);
      };
      const leave = () => end(new Error("the session moved"));
      moved.addEventListener("abort", leave, { once: true });
      stream.on("data", (message: SubscriptionMessage) => {
        if (!isOver) this.#received(message, client);
      });
      stream.on("error", end);
      stream.on("end", () => end(new Error("the manager closed the stream")));
    });
  }

  #received(message: SubscriptionMessage, client: Client): void {
    this.#end(message.id);
    if (!message.close && this.#running.size < MAX_SUBSCRIPTIONS) {
      const done = this.#serve(message, client);
      this.#published = this.#published.then(() => done);
    }
  }

  #end(id: string): void {
    const running = this.#running.get(id);
    this.#running.delete(id);
    running?.abort.abort();
  }

  async #serve(message: SubscriptionMessage, client: Client): Promise<void> {
    const { nodeId, tasks, outputs, log } = this.#options;
    const publisher = openPublisher(client, message.id);
    const subscription = new LogSubscription(message, { nodeId, tasks, outputs, publisher });
    const abort = new AbortController();
    abort.signal.addEventListener("abort", () => publisher.cancel(), { once: true });
    const running = { subscription, abort };
    this.#running.set(message.id, running);
    try {
      await subscription.run(abort.signal);
    } catch (error) {
      // The manager hears of it by the end of the stream, and asks again where that is of use.
      if (!abort.signal.aborted) log(`log subscription ${message.id}: ${(error as Error).message}`);
    } finally {
      publisher.cancel();
      if (this.#running.get(message.id) === running) this.#running.delete(message.id);
    }
  }
}

const MANY_FAILURES = 5;
