/** The leader's side of the relay: what other managers pass on of their nodes. */
import type { handleBidiStreamingCall } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import {
  type RefusedReport,
  type RelayAnswer,
  type RelayBatch,
  type RelayEvent,
  type RelayResult,
  SessionRelayService,
} from "../../api/generated/tswarm/v1/dispatcher.js";
import { partialService } from "../../api/partial-service.js";
import { bidirectional, type RequestListener, type ResponseStream, statusOf } from "../../api/server-call.js";
import { aborted, resourceExhausted, unavailable } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import { asStatus } from "../write-error.js";
import { LinkLostError } from "./leader-link.js";
import type { Hold, Registrar } from "./registrar.js";
import { reportsOf } from "./reports-of.js";

export interface RelayServiceOptions {
  readonly registrar: Registrar;
  readonly store: Store;
  readonly clock: Clock;
  readonly identity: CallerIdentity;
  readonly log: (line: string) => void;
}

/** A manager tells something each second. */
export const RELAY_INTERVAL_MS = 1000;
const SILENCE_MS = 3 * RELAY_INTERVAL_MS;
/** What one manager may ask before it is answered: one arrival and one batch of reports for each of its nodes. */
const MAX_UNANSWERED = 100_000;
const MAX_RESULTS_AT_ONCE = 1000;

/** Of sessions that are over the manager reads before it reads the results beside them. */
interface Batch {
  readonly results: RelayResult[];
  readonly superseded: string[];
}

interface Relay {
  readonly stream: ResponseStream<RelayAnswer>;
  readonly hold: Hold;
  heardMs: number;
  unanswered: number;
  /** To be sent; the last one grows. */
  answers: Batch[];
  isSending: boolean;
}

export class RelayService {
  readonly #options: RelayServiceOptions;
  readonly #relays = new Map<string, Relay>();
  #over: Error | undefined;
  #cancelWatch: () => void = () => {};

  constructor(options: RelayServiceOptions) {
    this.#options = options;
  }

  start(): void {
    this.#watch();
  }

  /** At once. */
  stop(reason: Error): void {
    this.#over = reason;
    this.#cancelWatch();
    for (const relay of [...this.#relays.values()]) relay.stream.end(reason);
  }

  service() {
    const { log } = this.#options;
    const relay: handleBidiStreamingCall<RelayBatch, RelayAnswer> = bidirectional(
      (stream) => this.#accept(stream),
      log,
    );
    return partialService(SessionRelayService, { relay }, log);
  }

  #accept(stream: ResponseStream<RelayAnswer>): RequestListener<RelayBatch> {
    if (this.#over) throw this.#over;
    const { registrar, identity, clock } = this.#options;
    const { nodeId } = identity.identify(stream.context);
    this.#relays.get(nodeId)?.stream.end(aborted("the manager has begun another relay"));
    const hold = registrar.open(nodeId, (nodeIds) => {
      const last = relay.answers.at(-1);
      // What was answered before them is read before them: a node may have come here, and then to another manager.
      if (last && last.results.length === 0) last.superseded.push(...nodeIds);
      else relay.answers.push({ results: [], superseded: [...nodeIds] });
      this.#answer(relay);
    });
    const relay: Relay = {
      stream,
      hold,
      heardMs: clock.now(),
      unanswered: 0,
      answers: [],
      isSending: false,
    };
    this.#relays.set(nodeId, relay);
    stream.onClose(() => {
      if (this.#relays.get(nodeId) === relay) this.#relays.delete(nodeId);
      registrar.close(hold);
    });
    stream.onDrain(() => this.#answer(relay));
    stream.send({ results: [], superseded: [] });
    return {
      received: ({ events }) => {
        relay.heardMs = clock.now();
        for (const event of events) this.#take(relay, event);
      },
      ended: () => stream.end(),
    };
  }

  #take(relay: Relay, { event }: RelayEvent): void {
    switch (event?.$case) {
      case "held":
        relay.hold.claim(event.value.nodeIds);
        return;
      case "arrival": {
        const { number, ...arrival } = event.value;
        this.#ask(relay, number, (held) => relay.hold.arrive(arrival, held).then(() => []));
        return;
      }
      case "tasks": {
        const { number, nodeId, updates } = event.value;
        this.#ask(relay, number, () => relay.hold.report(nodeId, reportsOf(updates)));
        return;
      }
      case "left":
        relay.hold.left(event.value.nodeId, event.value.graceMs);
        return;
      default:
      // An event of a newer manager.
    }
  }

  /** @param ask may say that it is done before it resolves, where the order counts */
  #ask(relay: Relay, number: number, ask: (done: () => void) => Promise<readonly RefusedReport[]>): void {
    relay.unanswered++;
    let isAnswered = false;
    const answer = (result: Omit<RelayResult, "number" | "version">) => {
      if (isAnswered) return;
      isAnswered = true;
      relay.unanswered--;
      const full = { number, version: this.#options.store.version, ...result };
      const last = relay.answers.at(-1);
      if (last && last.results.length < MAX_RESULTS_AT_ONCE) last.results.push(full);
      else relay.answers.push({ results: [full], superseded: [] });
      this.#answer(relay);
    };
    ask(() => answer({ code: status.OK, text: "", refused: [] })).then(
      (refused) => answer({ code: status.OK, text: "", refused }),
      (error: unknown) => {
        // The other manager learns who leads now, and asks there.
        if (error instanceof LinkLostError) return;
        const { code, details } = statusOf(asStatus(error), "SessionRelay", this.#options.log);
        answer({ code, text: details, refused: [] });
      },
    );
    if (relay.unanswered > MAX_UNANSWERED) relay.stream.end(resourceExhausted("too much is asked at once"));
  }

  /** All results of this turn together, or of more turns while the other manager does not read. */
  #answer(relay: Relay): void {
    if (relay.isSending || relay.stream.blocked) return;
    relay.isSending = true;
    setImmediate(() => {
      relay.isSending = false;
      if (relay.stream.blocked) return;
      const batch = relay.answers.shift();
      if (!batch) return;
      relay.stream.send(batch);
      if (relay.answers.length > 0) this.#answer(relay);
    });
  }

  #watch(): void {
    const { clock } = this.#options;
    const nextMs = clock.now() + RELAY_INTERVAL_MS;
    this.#cancelWatch = clock.after(RELAY_INTERVAL_MS, () => {
      const nowMs = clock.now();
      // Who stood still himself has heard nobody.
      const isBlind = nowMs - nextMs > RELAY_INTERVAL_MS;
      for (const relay of [...this.#relays.values()]) {
        if (isBlind) relay.heardMs = nowMs;
        else if (nowMs - relay.heardMs > SILENCE_MS) relay.stream.end(unavailable("nothing was heard of the manager"));
      }
      this.#watch();
    });
  }
}
