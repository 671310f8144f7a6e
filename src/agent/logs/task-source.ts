/** One stream of one task as a source of log messages. */
import type { LogMessage, LogStream } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { timestampOfNanos } from "../../api/logs/log-time.js";
import type { MergeLane } from "../../api/logs/ordered-merge.js";
import type { OutputFile } from "./output-file.js";
import { type OutputLine, OutputReader, type ReadFrom } from "./output-reader.js";

export interface TaskSourceOptions {
  readonly task: Task;
  readonly nodeId: string;
  readonly stream: LogStream;
  /** undefined while there is none. */
  readonly file: () => OutputFile | undefined;
  readonly lane: MergeLane<LogMessage>;
  readonly from: () => Promise<ReadFrom>;
  readonly follow: boolean;
  /** It has grown. */
  readonly wake: () => void;
}

export class TaskSource {
  readonly #options: TaskSourceOptions;
  #reader: OutputReader | undefined;
  #endWatch: () => void = () => {};
  /** Where to stop, for who does not follow: what is written meanwhile is not waited for. */
  #untilOffset: number | undefined;
  /** The task writes no more; its last bytes may not have been looked at. */
  #isTaskOver = false;
  #isLastLook = false;

  constructor(options: TaskSourceOptions) {
    this.#options = options;
  }

  get taskId(): string {
    return this.#options.task.id;
  }

  get isClosed(): boolean {
    return this.#options.lane.isClosed;
  }

  taskIsOver(): void {
    this.#isTaskOver = true;
  }

  /** Offers what there is, unless an earlier offer is not used up; lets the lane rest, or closes it, when there is nothing. */
  async fill(): Promise<void> {
    const { lane, follow } = this.#options;
    if (lane.isFilled || lane.isClosed) return;
    const reader = await this.#open();
    if (!reader) {
      if (!follow || this.#isTaskOver) lane.close();
      else lane.rest();
      return;
    }
    if (this.#isTaskOver && !this.#isLastLook) {
      this.#isLastLook = true;
      await reader.look();
    }
    while (reader.hasMore(this.#untilOffset)) {
      const lines = await reader.next(this.#untilOffset);
      if (lines.length > 0) return lane.offer(lines.map((line) => this.#message(line)));
    }
    if (follow && !this.#isTaskOver) return lane.rest();
    const rest = await reader.rest();
    if (rest) lane.offer([this.#message(rest)]);
    lane.close();
  }

  /** Bytes that were dropped before they could be read, since the last time that this was asked. */
  takeLost(): number {
    const lost = this.#reader?.lostBytes ?? 0;
    if (this.#reader) this.#reader.lostBytes = 0;
    return lost;
  }

  async close(): Promise<void> {
    this.#endWatch();
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.close();
  }

  async #open(): Promise<OutputReader | undefined> {
    if (this.#reader) return this.#reader;
    const { file, from, follow, wake } = this.#options;
    const output = file();
    this.#reader = output && (await OutputReader.open(output, await from()));
    if (!output || !this.#reader) return undefined;
    if (follow) this.#endWatch = output.onGrowth(wake);
    else this.#untilOffset = output.sizeBytes;
    return this.#reader;
  }

  #message({ data, nanos }: OutputLine): LogMessage {
    const { task, nodeId, stream } = this.#options;
    const context = { serviceId: task.serviceId, nodeId, taskId: task.id };
    return { context, timestamp: timestampOfNanos(nanos), stream, data, attrs: [] };
  }
}
