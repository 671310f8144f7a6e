/** The part of an agent that listens for log subscriptions, speaking the real protocol; what it publishes is the test's to say. */
import { once } from "node:events";
import type {
  ChannelCredentials,
  Client,
  ClientReadableStream,
  ClientWritableStream,
  ServiceError,
} from "@grpc/grpc-js";
import { Metadata } from "@grpc/grpc-js";
import { openChannel } from "../../../src/api/client-call.js";
import {
  LogBrokerService,
  LogMessage,
  LogStream,
  type PublishLogsMessage,
  type PublishLogsResponse,
  type SubscriptionMessage,
} from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { grpcTarget } from "../../../src/security/transport.js";

/** @param second of its time, since 1970 */
export function line(task: Task, second: number, text: string, stream = LogStream.LOG_STREAM_STDOUT): LogMessage {
  return LogMessage.fromPartial({
    context: { serviceId: task.serviceId, nodeId: task.nodeId, taskId: task.id },
    timestamp: { seconds: second, nanos: 0 },
    stream,
    data: Buffer.from(text),
  });
}

export class LogAgent {
  readonly heard: SubscriptionMessage[] = [];
  readonly #client: Client;
  #stream: ClientReadableStream<SubscriptionMessage> | undefined;
  ended: ServiceError | undefined;

  constructor(address: string, credentials: ChannelCredentials) {
    this.#client = openChannel(grpcTarget(address), credentials, true);
  }

  listen(): this {
    const { path, requestSerialize, responseDeserialize } = LogBrokerService.listenSubscriptions;
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    this.#stream = stream;
    stream.on("data", (message: SubscriptionMessage) => this.heard.push(message));
    stream.on("error", (error: ServiceError) => {
      if (stream === this.#stream) this.ended = error;
    });
    return this;
  }

  /** The subscriptions that it was told of, and not told to close. */
  get open(): readonly SubscriptionMessage[] {
    const closed = new Set(this.heard.filter(({ close }) => close).map(({ id }) => id));
    return this.heard.filter(({ id }) => !closed.has(id));
  }

  publish(subscriptionId = this.open.at(-1)!.id): Publishing {
    return new Publishing(this.#client, subscriptionId);
  }

  deafen(): void {
    this.#stream?.cancel();
  }

  stop(): void {
    this.#stream?.cancel();
    this.#client.close();
  }
}

export class Publishing {
  readonly #call: ClientWritableStream<PublishLogsMessage>;
  readonly #id: string;
  /** undefined when it was answered well. */
  readonly ended: Promise<ServiceError | undefined>;

  constructor(client: Client, id: string) {
    const { path, requestSerialize, responseDeserialize } = LogBrokerService.publishLogs;
    this.#id = id;
    let answer: (error: ServiceError | undefined) => void = () => {};
    this.ended = new Promise((resolve) => {
      answer = resolve;
    });
    this.#call = client.makeClientStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      new Metadata(),
      {},
      (error: ServiceError | null, _answer?: PublishLogsResponse) => answer(error ?? undefined),
    );
    this.#call.on("error", () => undefined);
  }

  /** @returns false when the manager takes no more at present */
  send(...messages: LogMessage[]): boolean {
    return this.#call.write({ subscriptionId: this.#id, messages, close: false });
  }

  /** Resolves when more can be sent. */
  async sendInTurn(...messages: LogMessage[]): Promise<void> {
    if (!this.send(...messages)) await once(this.#call, "drain");
  }

  /** As tswarm's agents say that they have nothing more at present. */
  rest(): void {
    this.send();
  }

  close(): void {
    this.#call.write({ subscriptionId: this.#id, messages: [], close: true });
    this.#call.end();
  }

  cut(): void {
    this.#call.cancel();
  }
}
