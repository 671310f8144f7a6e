/** What one subscription asks of this node: the output of the tasks that it selects, merged into one order and published. */
import {
  type LogMessage,
  type LogSelector,
  LogStream,
  type LogSubscriptionOptions,
  type SubscriptionMessage,
} from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { compareTimes, nanosOf } from "../../api/logs/log-time.js";
import { notice, outputStreams } from "../../api/logs/notice.js";
import { OrderedMerge } from "../../api/logs/ordered-merge.js";
import { linesOfTail, TAIL_ALL } from "../../api/logs/tail.js";
import type { LogPublisher } from "./log-publisher.js";
import type { OutputRecorder } from "./output-recorder.js";
import { splitTail } from "./tail-split.js";
import { TaskSource } from "./task-source.js";

export interface LogSubscriptionOptionsHere {
  readonly nodeId: string;
  /** The tasks of this node, with the status that it gives them. */
  readonly tasks: () => readonly Task[];
  readonly outputs: OutputRecorder;
  readonly publisher: LogPublisher;
}

const BATCH_BYTES = 16 * 1024;
const BATCH_LINES = 8;
const ALL: LogSubscriptionOptions = { streams: [], follow: false, tail: TAIL_ALL, since: undefined };
const NOTHING: LogSelector = { serviceIds: [], nodeIds: [], taskIds: [] };

export class LogSubscription {
  readonly #here: LogSubscriptionOptionsHere;
  readonly #selector: LogSelector;
  readonly #options: LogSubscriptionOptions;
  readonly #merge = new OrderedMerge<LogMessage>((a, b) => compareTimes(a.timestamp, b.timestamp));
  readonly #sources = new Map<string, readonly TaskSource[]>();
  #isBegun = false;
  #isWoken = false;
  #wakeUp: () => void = () => {};

  constructor({ selector, options }: SubscriptionMessage, here: LogSubscriptionOptionsHere) {
    this.#here = here;
    this.#selector = selector ?? NOTHING;
    this.#options = options ?? ALL;
  }

  /** There may be more to publish. */
  wake = (): void => {
    this.#isWoken = true;
    this.#wakeUp();
  };

  /** Resolves when all is published, or it was ended. @throws Error when the manager takes no more, or a file cannot be read */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", this.wake, { once: true });
    try {
      await this.#here.outputs.look();
      while (!signal.aborted && (await this.#turn())) {
        if (!this.#isWoken) await this.#sleep();
        this.#isWoken = false;
      }
      if (!signal.aborted) await this.#here.publisher.close();
    } finally {
      await Promise.all([...this.#sources.values()].flat().map((source) => source.close()));
    }
  }

  /** Publishes what there is. @returns whether more may come */
  async #turn(): Promise<boolean> {
    const { publisher } = this.#here;
    await this.#seeTasks();
    let hasSent = !this.#isBegun;
    this.#isBegun = true;
    await this.#fill();
    while (this.#merge.isReady) {
      await publisher.send(this.#batch());
      hasSent = true;
      await this.#fill();
    }
    if (this.#isComplete) return false;
    // Others need not wait for this node.
    if (hasSent) await publisher.send([]);
    return true;
  }

  get #isComplete(): boolean {
    const { follow } = this.#options;
    const sources = [...this.#sources.values()].flat();
    if (!sources.every(({ isClosed }) => isClosed)) return false;
    if (!follow) return true;
    const { serviceIds, nodeIds, taskIds } = this.#selector;
    if (serviceIds.length > 0 || nodeIds.length > 0) return false;
    // A task may be on its way to this node.
    return taskIds.some((id) => this.#sources.has(id));
  }

  async #seeTasks(): Promise<void> {
    const { tasks, outputs } = this.#here;
    const present = new Map(tasks().map((task) => [task.id, task]));
    for (const task of present.values()) {
      if (!this.#sources.has(task.id) && isSelected(this.#selector, this.#here.nodeId, task)) {
        if (this.#isBegun && !this.#options.follow) continue;
        this.#sources.set(task.id, this.#open(task));
      }
    }
    let isUnknown = false;
    for (const [id, sources] of this.#sources) {
      const state = present.get(id)?.status?.state ?? TaskState.NEW;
      if (!present.has(id) || state >= TaskState.COMPLETE) for (const source of sources) source.taskIsOver();
      else if (state >= TaskState.STARTING && !outputs.file(id, "stdout")) isUnknown = true;
      if (!present.has(id) && sources.every(({ isClosed }) => isClosed)) {
        await Promise.all(sources.map((source) => source.close()));
        // Of a task that is named the end is remembered.
        if (!this.#selector.taskIds.includes(id)) this.#sources.delete(id);
      }
    }
    if (isUnknown) await outputs.look();
  }

  #open(task: Task): readonly TaskSource[] {
    const { nodeId, outputs } = this.#here;
    const { streams, follow, tail, since } = this.#options;
    const wanted = outputStreams(streams);
    const fileOf = (stream: LogStream) =>
      outputs.file(task.id, stream === LogStream.LOG_STREAM_STDERR ? "stderr" : "stdout");
    // Of what begins later all is new.
    const lines = this.#isBegun ? undefined : linesOfTail(tail);
    let split: Promise<readonly number[]> | undefined;
    return wanted.map(
      (stream, at) =>
        new TaskSource({
          task,
          nodeId,
          stream,
          file: () => fileOf(stream),
          lane: this.#merge.open(() => {}),
          from: async () => {
            if (lines !== undefined) split ??= splitTail(wanted.map(fileOf), lines);
            return { lines: (await split)?.[at], sinceNanos: nanosOf(since) };
          },
          follow,
          wake: this.wake,
        }),
    );
  }

  async #fill(): Promise<void> {
    for (const source of [...this.#sources.values()].flat()) {
      await source.fill();
      const lost = source.takeLost();
      if (lost > 0) await this.#tellLost(source.taskId, lost);
    }
  }

  async #tellLost(taskId: string, bytes: number): Promise<void> {
    const { nodeId, publisher } = this.#here;
    const text = `task ${taskId}: ${bytes} bytes of its output were dropped on node ${nodeId} before they could be read`;
    await publisher.send([notice({ serviceId: "", nodeId, taskId: "" }, text, Date.now())]);
  }

  #batch(): LogMessage[] {
    const batch: LogMessage[] = [];
    for (let bytes = 0; bytes < BATCH_BYTES && this.#merge.isReady; ) {
      const some = this.#merge.take(BATCH_LINES);
      for (const { data } of some) bytes += data.length;
      batch.push(...some);
    }
    return batch;
  }

  async #sleep(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve;
    });
  }
}

function isSelected({ serviceIds, nodeIds, taskIds }: LogSelector, nodeId: string, task: Task): boolean {
  return (
    taskIds.includes(task.id) ||
    (task.serviceId !== "" && serviceIds.includes(task.serviceId)) ||
    nodeIds.includes(nodeId)
  );
}
