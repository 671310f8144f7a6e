/**
 * The log broker of a leader: readers of logs subscribe, nodes listen for subscriptions and publish what they have. Nothing of it is kept;
 * when leadership changes all streams end, and readers and nodes come anew.
 */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import {
  type ListenSubscriptionsRequest,
  LogBrokerService,
  type LogMessage,
  LogsService,
  type PublishLogsMessage,
  type PublishLogsResponse,
  type SubscribeLogsMessage,
  type SubscribeLogsRequest,
  type SubscriptionMessage,
} from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import { partialService } from "../../api/partial-service.js";
import { type CallContext, clientStream, type ResponseStream, serverStream } from "../../api/server-call.js";
import { invalidArgument, notFound, permissionDenied, resourceExhausted } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import { Listeners } from "./listeners.js";
import { validSelector } from "./selection.js";
import { Subscription } from "./subscription.js";

export interface LogBrokerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  readonly log: (line: string) => void;
}

const MAX_SUBSCRIPTIONS = 1000;
/** Longer lines come in pieces. */
const MAX_LINE_BYTES = 64 * 1024;
/** gRPC reads some messages ahead: nobody is to send large ones. */
const MAX_BATCH_BYTES = 1024 * 1024;

export class LogBroker {
  readonly #options: LogBrokerOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #listeners = new Listeners((nodeId) => {
    for (const subscription of this.#subscriptions.values()) subscription.unheard(nodeId);
  });
  #over: Error | undefined;

  constructor(options: LogBrokerOptions) {
    this.#options = options;
  }

  /** docker.swarmkit.v1.Logs */
  logs(): UntypedServiceImplementation {
    const { log } = this.#options;
    return partialService(
      LogsService,
      {
        subscribeLogs: serverStream<SubscribeLogsRequest, SubscribeLogsMessage>((...call) => this.#read(...call), log),
      },
      log,
    );
  }

  /** docker.swarmkit.v1.LogBroker */
  broker(): UntypedServiceImplementation {
    const { log } = this.#options;
    return partialService(
      LogBrokerService,
      {
        listenSubscriptions: serverStream<ListenSubscriptionsRequest, SubscriptionMessage>(
          (_request, stream) => this.#listen(stream),
          log,
        ),
        publishLogs: clientStream<PublishLogsMessage, PublishLogsResponse>((...call) => this.#publish(...call), log),
      },
      log,
    );
  }

  /** @param reason for all whose streams end */
  stop(reason: Error): void {
    this.#over = reason;
    for (const subscription of [...this.#subscriptions.values()]) subscription.end(reason);
    this.#listeners.end(reason);
  }

  #read({ selector, options }: SubscribeLogsRequest, stream: ResponseStream<SubscribeLogsMessage>): void {
    if (this.#over) throw this.#over;
    const valid = validSelector(selector);
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS)
      throw resourceExhausted(`${MAX_SUBSCRIPTIONS} readers of logs are there already: try again when some have gone`);
    const { store, clock, random } = this.#options;
    const around = { store, clock, listeners: this.#listeners };
    const subscription = new Subscription(newObjectId(random), valid, options, stream, around);
    this.#subscriptions.set(subscription.id, subscription);
    stream.onClose(() => {
      this.#subscriptions.delete(subscription.id);
      subscription.end();
    });
    subscription.start();
  }

  #listen(stream: ResponseStream<SubscriptionMessage>): void {
    if (this.#over) throw this.#over;
    const { nodeId } = this.#options.identity.identify(stream.context);
    this.#listeners.add(nodeId, stream);
    for (const subscription of this.#subscriptions.values()) subscription.heard(nodeId);
  }

  async #publish(requests: AsyncIterable<PublishLogsMessage>, context: CallContext): Promise<PublishLogsResponse> {
    if (this.#over) throw this.#over;
    const { nodeId } = this.#options.identity.identify(context);
    const incoming = requests[Symbol.asyncIterator]();
    const first = await incoming.next();
    if (first.done) return {};
    const id = first.value.subscriptionId;
    if (id === "") throw invalidArgument("missing subscription ID");
    const publisher = this.#subscriptions.get(id)?.publisher(nodeId);
    if (!publisher) throw notFound("unknown subscription ID");
    try {
      for (
        let next: IteratorResult<PublishLogsMessage> = first;
        !next.done;
        next = await Promise.race([incoming.next(), publisher.over])
      ) {
        const { subscriptionId, messages, close } = next.value;
        if (subscriptionId !== id) throw invalidArgument("different subscription IDs in the same session");
        check(nodeId, messages);
        if (messages.length > 0 || !close) await publisher.take(messages);
        if (close) {
          publisher.close();
          return {};
        }
      }
    } finally {
      // As when it was closed, but nobody said so; after a close it is of no effect.
      publisher.broke();
    }
    return {};
  }
}

/** A node speaks for itself alone, and in small pieces. @throws StatusError */
function check(nodeId: string, messages: readonly LogMessage[]): void {
  let bytes = 0;
  for (const { context, data } of messages) {
    if (context?.nodeId !== nodeId)
      throw permissionDenied(`invalid NodeID: expected=${nodeId};received=${context?.nodeId ?? ""}`);
    if (data.length > MAX_LINE_BYTES) throw invalidArgument(`a line is longer than ${MAX_LINE_BYTES} bytes`);
    bytes += data.length + LINE_COST_BYTES;
  }
  if (bytes > MAX_BATCH_BYTES) throw invalidArgument(`more than ${MAX_BATCH_BYTES} bytes of lines come at once`);
}

/** What a line costs besides its bytes. */
const LINE_COST_BYTES = 100;
