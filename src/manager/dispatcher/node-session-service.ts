/** tswarm's stream of an agent: all that is said in one session, in both directions. */
import {
  NodeOrder,
  type NodeReport,
  NodeSessionService,
  type TaskReports,
} from "../../api/generated/tswarm/v1/dispatcher.js";
import { partialService } from "../../api/partial-service.js";
import { bidirectional, type RequestListener, type ResponseStream } from "../../api/server-call.js";
import { failedPrecondition, invalidArgument, resourceExhausted } from "../../api/status-error.js";
import { durationOf } from "../../api/time.js";
import { writing } from "../write-error.js";
import type { Dispatcher } from "./dispatcher.js";
import { reportsOf } from "./reports-of.js";
import type { Outlet, Seat } from "./seat.js";

export function nodeSessionService(dispatcher: Dispatcher, log: (line: string) => void) {
  const hold = bidirectional((stream: ResponseStream<Buffer>) => new AgentStream(dispatcher, stream), log);
  return partialService(NodeSessionService, { hold }, log);
}

class AgentStream implements RequestListener<NodeReport>, Outlet {
  readonly wrapping = "order";
  readonly #dispatcher: Dispatcher;
  readonly #stream: ResponseStream<Buffer>;
  #hasBegun = false;
  #seat: Seat | undefined;
  /** An answer to each heartbeat would cost more than all else of it. */
  #toldPeriodMs: number | undefined;
  /** Reports are being written. */
  #isReporting = false;
  /** What is to be answered once the agent reads again: one of each at most. */
  #owedBeat: Buffer | undefined;
  #owedReceipt: Buffer | undefined;

  constructor(dispatcher: Dispatcher, stream: ResponseStream<Buffer>) {
    this.#dispatcher = dispatcher;
    this.#stream = stream;
    stream.onDrain(() => this.#drained());
  }

  get blocked(): boolean {
    return this.#stream.blocked;
  }

  send(message: Buffer): void {
    this.#stream.send(message);
  }

  received({ report }: NodeReport): void {
    if (report?.$case === "begin") {
      if (this.#hasBegun) throw invalidArgument("a session has begun on this stream before");
      this.#hasBegun = true;
      this.#begin(report.value.description).catch((error: unknown) => this.#stream.end(error));
      return;
    }
    const seat = this.#seat;
    if (!seat) throw failedPrecondition("no session has begun on this stream yet");
    if (report?.$case === "heartbeat") this.#beat(seat);
    else if (report?.$case === "tasks") this.#report(seat, report.value);
    else if (report?.$case === "assignments") seat.tellAssignments(this);
    // Anything else is of a newer agent.
  }

  ended(): void {
    this.#stream.end();
  }

  async #begin(description: Parameters<Dispatcher["begin"]>[1]): Promise<void> {
    const stream = this.#stream;
    const seat = await writing(() => this.#dispatcher.begin(stream.context, description, () => stream.open));
    if (!seat) return;
    this.#seat = seat;
    seat.session.onEnd((error) => stream.end(error));
    stream.onClose(() => this.#dispatcher.end(seat));
    seat.tellSession(this);
  }

  #beat(seat: Seat): void {
    const periodMs = this.#dispatcher.beatRegularly(seat);
    if (periodMs === this.#toldPeriodMs) return;
    this.#toldPeriodMs = periodMs;
    const answer = encode({ $case: "heartbeat", value: { period: durationOf(periodMs) } });
    if (this.blocked) this.#owedBeat = answer;
    else this.send(answer);
  }

  #report(seat: Seat, { number, updates }: TaskReports): void {
    if (this.#isReporting || this.#owedReceipt) throw resourceExhausted("reports are sent one batch after the other");
    this.#isReporting = true;
    writing(() => this.#dispatcher.report(seat, reportsOf(updates))).then(
      (refused) => {
        this.#isReporting = false;
        const receipt = encode({ $case: "taken", value: { number, refused } });
        if (this.blocked) this.#owedReceipt = receipt;
        else this.send(receipt);
      },
      (error: unknown) => this.#stream.end(error),
    );
  }

  #drained(): void {
    for (const owed of [this.#owedBeat, this.#owedReceipt]) if (owed) this.send(owed);
    this.#owedBeat = undefined;
    this.#owedReceipt = undefined;
    if (this.#seat) this.#dispatcher.drained(this.#seat);
  }
}

function encode(order: NodeOrder["order"]): Buffer {
  return Buffer.from(NodeOrder.encode({ order }).finish());
}
