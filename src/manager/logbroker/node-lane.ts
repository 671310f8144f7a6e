/** One node's part in a subscription: what it was asked for, how far it has come, and what of it waits to be passed on. */
import type { LogMessage, LogSubscriptionOptions } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { MergeLane, OrderedMerge } from "../../api/logs/ordered-merge.js";
import { ResumePoint } from "../../api/logs/resume-point.js";
import { TAIL_ALL } from "../../api/logs/tail.js";
import { taskLabel } from "../../api/task-label.js";
import { mayHaveOutput } from "./selection.js";

export type LaneState =
  /** The node does not listen: it is waited for. */
  | "unheard"
  /** It was told of the subscription. */
  | "asked"
  | "publishing"
  /** It has sent all. */
  | "done"
  /** It cannot be had; see the reason. */
  | "missing";

/** Breaks in a row without a line between, after which it is not asked again. */
const MAX_BREAKS = 3;

export class NodeLane {
  readonly nodeId: string;
  readonly merge: MergeLane<LogMessage>;
  state: LaneState = "unheard";
  /** Why it is missing. */
  reason = "";
  /** So long it has done nothing, as whoever waits for it counts. */
  silentMs = 0;
  /** The publisher that counts; each later one takes the place of the one before. */
  publisher = 0;
  /**
   * It says by a message without lines when it has nothing at present, as tswarm's agents do. Of others who follows cannot know, and does
   * not wait for them.
   */
  saysRest = true;
  readonly #tasks = new Map<string, Task>();
  readonly #services = new Set<string>();
  readonly #resume = new ResumePoint();
  #hasPublished = false;
  #breaks = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(nodeId: string, merge: OrderedMerge<LogMessage>) {
    this.nodeId = nodeId;
    this.merge = merge.open(() => this.#usedUp());
  }

  /** @returns whether it was not known before */
  add(task: Task): boolean {
    const isNew = !this.#tasks.has(task.id);
    this.#tasks.set(task.id, task);
    this.#services.add(task.serviceId);
    return isNew;
  }

  /** The cluster knows it no more; its last lines may still come. */
  remove(taskId: string): void {
    this.#tasks.delete(taskId);
  }

  /** Whether the node has, or had, a task of this service. */
  hasService(serviceId: string): boolean {
    return this.#services.has(serviceId);
  }

  task(id: string): Task | undefined {
    return this.#tasks.get(id);
  }

  /** Names of the tasks that can have written something. */
  get sources(): readonly string[] {
    return [...this.#tasks.values()].filter(mayHaveOutput).map(taskLabel);
  }

  /** Whether anybody would miss it. */
  get isNeeded(): boolean {
    return this.#hasPublished || this.#tasks.size === 0 || this.sources.length > 0;
  }

  /** What the node is asked for now: after a break what follows the lines that have come. */
  options(first: LogSubscriptionOptions): LogSubscriptionOptions {
    const { since } = this.#resume;
    return this.#hasPublished && since ? { ...first, since, tail: TAIL_ALL } : first;
  }

  /** @returns the messages that have not come before */
  fresh(messages: readonly LogMessage[]): readonly LogMessage[] {
    if (messages.length > 0) this.#hasPublished = true;
    const fresh = messages.filter((message) => this.#resume.take(message));
    if (fresh.length > 0) this.#breaks = 0;
    return fresh;
  }

  /** Resolves when all of it is passed on; what an earlier publisher has left goes first. */
  async offer(messages: readonly LogMessage[], passOn: () => void): Promise<void> {
    while (this.merge.isFilled) await this.#whenUsedUp();
    if (this.state !== "publishing") return;
    const usedUp = this.#whenUsedUp();
    this.merge.offer(messages);
    if (!this.saysRest) this.merge.rest();
    passOn();
    await usedUp;
  }

  /** It will send again what it may have sent before. */
  cut(): void {
    this.#resume.broke();
  }

  /** Its stream broke. @returns whether it is of use to ask again */
  broke(): boolean {
    this.cut();
    this.#breaks++;
    return this.#breaks <= MAX_BREAKS;
  }

  #whenUsedUp(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #usedUp(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
