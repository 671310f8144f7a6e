/** Tasks of one service and one specification that wait for a node, and what they have been told. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceRules } from "./ranking.js";
import { versionKey } from "./recent-failures.js";
import { type Requirements, requirementsOf } from "./requirements.js";
import type { Strategy } from "./strategy.js";

/** A reason that differs is told to many tasks no more often than this: each node that comes may change its counts. */
const RETELL_MS = 5000;
const MANY_TASKS = 100;

/** A task's place in its group's queue. */
export interface Waiting {
  readonly task: Task;
  readonly group: PendingGroup;
  /** It waits no more; the queue passes over it. */
  isGone: boolean;
}

export function rulesOf({ serviceId, specVersion, spec }: Task): ServiceRules {
  return {
    serviceId,
    version: versionKey(serviceId, specVersion?.index),
    maxReplicas: spec?.placement?.maxReplicas ?? 0,
  };
}

export class PendingGroup {
  readonly key: string;
  readonly rules: ServiceRules;
  readonly #sample: Task;
  #requirements: Requirements | undefined;
  /** Oldest first; those before the head have gone. */
  #queue: Waiting[] = [];
  #head = 0;
  #size = 0;
  /** Those that have not been told what the others know; absent while nothing has been said. */
  #untold: Set<Waiting> | undefined;
  #said = "";
  #saidAtMs = Number.NEGATIVE_INFINITY;
  #retellAtMs: number | undefined;

  constructor(key: string, sample: Task) {
    this.key = key;
    this.rules = rulesOf(sample);
    this.#sample = sample;
  }

  get size(): number {
    return this.#size;
  }

  /** When something that differs is to be told, though nothing else is to be done. */
  get retellAtMs(): number | undefined {
    return this.#retellAtMs;
  }

  get isTold(): boolean {
    return !this.#untold || this.#untold.size === 0;
  }

  requirements(clusterDefault: Strategy): Requirements {
    this.#requirements ??= requirementsOf(this.#sample, clusterDefault);
    return this.#requirements;
  }

  /** The cluster's default strategy is another. */
  forgetRequirements(): void {
    this.#requirements = undefined;
  }

  add(task: Task): Waiting {
    const waiting: Waiting = { task, group: this, isGone: false };
    this.#queue.push(waiting);
    this.#size++;
    this.#untold?.add(waiting);
    return waiting;
  }

  delete(waiting: Waiting): void {
    waiting.isGone = true;
    this.#size--;
    this.#untold?.delete(waiting);
    if (this.#queue[this.#head] === waiting) this.#head++;
    if (this.#queue.length > 2 * this.#size + MANY_TASKS) this.#compact();
  }

  /** The one that waits longest. */
  first(): Waiting | undefined {
    while (this.#queue[this.#head]?.isGone) this.#head++;
    return this.#queue[this.#head];
  }

  untell(waiting: Waiting): void {
    this.#untold?.add(waiting);
  }

  /** No node takes any of them. @returns those that are to be told, one by one as they are taken from it */
  *refuse(reason: string, nowMs: number): Generator<string> {
    this.#retellAtMs = undefined;
    if (reason !== this.#said) {
      if (this.#size <= MANY_TASKS || nowMs >= this.#saidAtMs + RETELL_MS) {
        this.#said = reason;
        this.#saidAtMs = nowMs;
        this.#compact();
        this.#untold = new Set(this.#queue);
      } else {
        this.#retellAtMs = this.#saidAtMs + RETELL_MS;
      }
    }
    for (const waiting of this.#untold ?? []) {
      this.#untold?.delete(waiting);
      yield waiting.task.id;
    }
  }

  #compact(): void {
    this.#queue = this.#queue.slice(this.#head).filter(({ isGone }) => !isGone);
    this.#head = 0;
  }
}
