/**
 * The way to whoever leads, over changes of the leader: what is asked while there is none, or was under way when it went, is asked of the
 * next one. All of it may be done twice without harm.
 */
import type { RefusedReport } from "../../api/generated/tswarm/v1/dispatcher.js";
import { unavailable } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import { type LeaderLink, LinkLostError } from "./leader-link.js";
import type { Arrival } from "./node-registry.js";
import type { StatusReport } from "./status-collector.js";
import { WakeUp } from "./wake-up.js";

interface Question {
  readonly sinceMs: number;
  readonly ask: (link: LeaderLink) => Promise<unknown>;
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

const NO_LEADER = unavailable(
  "no leader of the cluster is in reach of this manager: turn to another, or again to this one",
);

export class LeaderSwitch {
  readonly #clock: Clock;
  readonly #patienceMs: () => number;
  readonly #wakeUp: WakeUp;
  readonly #waiting = new Set<Question>();
  #link: LeaderLink | undefined;

  /** @param patienceMs so long a question waits for a leader */
  constructor(clock: Clock, patienceMs: () => number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#wakeUp = new WakeUp(clock, (nowMs) => this.#giveUp(nowMs));
  }

  /** @param nodeIds that have sessions here */
  attach(link: LeaderLink, nodeIds: readonly string[]): void {
    this.#link = link;
    link.claim(nodeIds);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#wakeUp.set(undefined);
    for (const question of waiting) this.#ask(question);
  }

  detach(): void {
    this.#link = undefined;
  }

  /** Whatever waits fails. */
  stop(error: Error): void {
    this.#link = undefined;
    this.#wakeUp.stop();
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  /** @param held see {@link LeaderLink.arrive}; again by the next leader @throws StatusError */
  arrive(arrival: Arrival, held?: () => void): Promise<void> {
    return this.#put(async (link) => {
      await link.arrive(arrival, held);
      // Another leads by now, and was told of the sessions that stood then.
      if (this.#link !== link) this.#link?.claim([arrival.nodeId]);
    });
  }

  /** @throws StatusError */
  report(nodeId: string, reports: readonly StatusReport[]): Promise<readonly RefusedReport[]> {
    return this.#put((link) => link.report(nodeId, reports));
  }

  /** A leader that comes later does not hear of the node at all. */
  left(nodeId: string, graceMs: number): void {
    this.#link?.left(nodeId, graceMs);
  }

  #put<T>(ask: (link: LeaderLink) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#ask({ sinceMs: this.#clock.now(), ask, resolve, reject });
    });
  }

  #ask(question: Question): void {
    const link = this.#link;
    if (!link) {
      this.#wait(question);
      return;
    }
    question.ask(link).then(
      (answer) => question.resolve(answer as never),
      (error: Error) => {
        if (!(error instanceof LinkLostError)) question.reject(error);
        else if (this.#link !== link) this.#ask(question);
        else this.#wait(question);
      },
    );
  }

  #wait(question: Question): void {
    this.#waiting.add(question);
    if (this.#waiting.size === 1) this.#arm();
  }

  #giveUp(nowMs: number): void {
    for (const question of this.#waiting) {
      if (nowMs - question.sinceMs < this.#patienceMs()) continue;
      this.#waiting.delete(question);
      question.reject(NO_LEADER);
    }
    this.#arm();
  }

  #arm(): void {
    let firstMs = Number.POSITIVE_INFINITY;
    // Those that were asked again are not in their order.
    for (const { sinceMs } of this.#waiting) firstMs = Math.min(firstMs, sinceMs);
    this.#wakeUp.set(this.#waiting.size === 0 ? undefined : firstMs + this.#patienceMs());
  }
}
