/** The other managers' side of the relay: one stream to the leader, on which all that their nodes tell travels in batches. */
import { type Client, type ClientDuplexStream, type ServiceError, status } from "@grpc/grpc-js";
import {
  type RefusedReport,
  type RelayAnswer,
  type RelayBatch,
  type RelayEvent,
  SessionRelayService,
} from "../../api/generated/tswarm/v1/dispatcher.js";
import { StatusError } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import { type LeaderLink, LinkLostError } from "./leader-link.js";
import type { Arrival } from "./node-registry.js";
import { RELAY_INTERVAL_MS } from "./relay-service.js";
import type { StatusReport } from "./status-collector.js";

export interface RelayClientOptions {
  /** To the leader. */
  readonly client: Client;
  readonly clock: Clock;
  /** Resolves when the store of this manager has a version. */
  readonly whenApplied: (version: number) => Promise<void>;
  /** The leader takes what is told. */
  readonly ready: () => void;
  readonly superseded: (nodeIds: readonly string[]) => void;
  /** Once. @param isUnknown the leader does not know the relay: it is not of this kind */
  readonly lost: (reason: string, isUnknown: boolean) => void;
}

const FLUSH_MS = 2;
/** Of one batch. */
const MAX_EVENTS = 500;
const MAX_REPORTS = 1000;

interface Answer {
  /** Of the store. */
  readonly version: number;
  readonly refused: readonly RefusedReport[];
}

interface Question {
  /** At once when it is answered. */
  readonly held: () => void;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class RelayClient implements LeaderLink {
  readonly #options: RelayClientOptions;
  readonly #stream: ClientDuplexStream<RelayBatch, RelayAnswer>;
  readonly #questions = new Map<number, Question>();
  #events: RelayEvent[] = [];
  #number = 0;
  #isReady = false;
  #isBlocked = false;
  #over = false;
  #timer: NodeJS.Timeout | undefined;
  #cancelInterval: () => void = () => {};

  constructor(options: RelayClientOptions) {
    this.#options = options;
    const { path, requestSerialize, responseDeserialize } = SessionRelayService.relay;
    this.#stream = options.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#stream.on("data", (answer: RelayAnswer) => this.#received(answer));
    this.#stream.on("drain", () => {
      this.#isBlocked = false;
      this.#flush();
    });
    this.#stream.on("error", (error: ServiceError) => {
      this.#lost(error.details || error.message, error.code === status.UNIMPLEMENTED);
    });
    this.#stream.on("end", () => this.#lost("the leader ended the relay", false));
  }

  claim(nodeIds: readonly string[]): void {
    this.#tell({ event: { $case: "held", value: { nodeIds } } });
    this.#flush();
    this.#cancelInterval();
    this.#keepHeard();
  }

  async arrive(arrival: Arrival, held?: () => void): Promise<void> {
    const { version } = await this.#ask((number) => ({ $case: "arrival", value: { number, ...arrival } }), held);
    await this.#options.whenApplied(version);
  }

  async report(nodeId: string, updates: readonly StatusReport[]): Promise<readonly RefusedReport[]> {
    const { refused } = await this.#ask((number) => ({ $case: "tasks", value: { number, nodeId, updates } }));
    return refused;
  }

  left(nodeId: string, graceMs: number): void {
    this.#tell({ event: { $case: "left", value: { nodeId, graceMs: Math.round(graceMs) } } });
  }

  /** What is under way fails with {@link LinkLostError}. */
  close(): void {
    if (this.#over) return;
    this.#end();
    this.#stream.cancel();
  }

  #ask(event: (number: number) => RelayEvent["event"], held: () => void = () => {}): Promise<Answer> {
    if (this.#over) return Promise.reject(new LinkLostError());
    this.#number++;
    const number = this.#number;
    return new Promise((resolve, reject) => {
      this.#questions.set(number, { held, resolve, reject });
      this.#tell({ event: event(number) });
    });
  }

  #tell(event: RelayEvent): void {
    if (this.#over) return;
    this.#events.push(event);
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** One batch in each turn. What waits while the leader does not read is bounded by what nodes may have under way. */
  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isBlocked || this.#over || this.#events.length === 0) return;
    const end = batchEnd(this.#events);
    const batch = this.#events.slice(0, end);
    this.#events = this.#events.slice(end);
    this.#write(batch);
    if (this.#events.length > 0) this.#timer = setTimeout(() => this.#flush(), 0);
  }

  #write(events: readonly RelayEvent[]): void {
    if (!this.#stream.write({ events })) this.#isBlocked = true;
  }

  #keepHeard(): void {
    this.#cancelInterval = this.#options.clock.after(RELAY_INTERVAL_MS, () => {
      if (!this.#isBlocked) this.#write([]);
      this.#keepHeard();
    });
  }

  #received({ results, superseded }: RelayAnswer): void {
    if (this.#over) return;
    if (!this.#isReady) {
      this.#isReady = true;
      this.#options.ready();
    }
    // Before what was answered after it: a node that has come back here is held again.
    if (superseded.length > 0) this.#options.superseded(superseded);
    for (const { number, code, text, version, refused } of results) {
      const question = this.#questions.get(number);
      if (!question) continue;
      this.#questions.delete(number);
      if (code === status.OK) {
        question.held();
        question.resolve({ version, refused });
      } else question.reject(new StatusError(code, text));
    }
  }

  #lost(reason: string, isUnknown: boolean): void {
    if (this.#over) return;
    this.#end();
    this.#options.lost(reason, isUnknown);
  }

  #end(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#cancelInterval();
    this.#events = [];
    for (const { reject } of this.#questions.values()) reject(new LinkLostError());
    this.#questions.clear();
  }
}

function batchEnd(events: readonly RelayEvent[]): number {
  let reports = 0;
  let end = 0;
  while (end < events.length && end < MAX_EVENTS && reports < MAX_REPORTS) {
    const { event } = events[end++]!;
    if (event?.$case === "tasks") reports += event.value.updates.length;
  }
  return end;
}
