/** Reads logs from the cluster to the end; who follows goes on when another manager leads, or this one was away for a while. */
import { setTimeout as pause } from "node:timers/promises";
import {
  type LogMessage,
  type LogSelector,
  LogStream,
  LogsService,
  type SubscribeLogsRequest,
} from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import { isNotice, NOTICES } from "../../api/logs/notice.js";
import { ResumePoint } from "../../api/logs/resume-point.js";
import { TAIL_ALL } from "../../api/logs/tail.js";
import { type Connection, RpcError, UnreachableError } from "../connection.js";
import { Status } from "../rpc/status.js";
import type { LogFlags } from "./log-flags.js";
import { ReorderWindow, WINDOW_MS } from "./reorder-window.js";

export interface LogTaker {
  show(messages: readonly LogMessage[]): Promise<void>;
  /** A part is missing: one line for people. */
  warn(text: string): void;
  /** Milliseconds since 1970. */
  now(): number;
}

const STREAMS = [NOTICES, LogStream.LOG_STREAM_STDOUT, LogStream.LOG_STREAM_STDERR];
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 2000;
const STABLE_MS = 3000;
/** An election takes a few seconds, a manager's restart not much longer. */
const PATIENCE_MS = 60_000;
/** How a broker's stream ends that lacks something. */
const INCOMPLETE = /^warning: incomplete log stream\b.*?reasons: (.*)$/s;

export class LogReading {
  readonly #connection: Connection;
  readonly #selector: LogSelector;
  readonly #flags: LogFlags;
  readonly #taker: LogTaker;
  readonly #read = new ResumePoint();
  readonly #window = new ReorderWindow();
  readonly #warnings: string[] = [];
  #isBegun = false;
  #showing: Promise<void> = Promise.resolve();
  #alarm: NodeJS.Timeout | undefined;

  constructor(connection: Connection, selector: LogSelector, flags: LogFlags, taker: LogTaker) {
    this.#connection = connection;
    this.#selector = selector;
    this.#flags = flags;
    this.#taker = taker;
  }

  /** @returns whether nothing was missing @throws CommandError when the cluster refuses, or is gone for too long */
  async run(): Promise<boolean> {
    let brokeAtMs: number | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const begunAtMs = this.#taker.now();
      try {
        await this.#readOnce(() => {
          brokeAtMs = undefined;
          pauseMs = FIRST_PAUSE_MS;
        });
        break;
      } catch (error) {
        if (this.#isIncomplete(error)) break;
        const now = this.#taker.now();
        // A stream without lines says nothing either when it stands.
        if (now - begunAtMs > STABLE_MS) {
          this.#isBegun = true;
          brokeAtMs = undefined;
        }
        if (!this.#flags.follow || !this.#isBegun || !isPassing(error)) throw error;
        if (brokeAtMs !== undefined && now - brokeAtMs > PATIENCE_MS) throw error;
        if (brokeAtMs === undefined)
          this.#taker.warn(`the log stream broke off and is taken up again: ${(error as Error).message}`);
        brokeAtMs ??= now;
        await pause(pauseMs);
      } finally {
        await this.#flush();
      }
    }
    return this.#warnings.length === 0;
  }

  async #readOnce(came: () => void): Promise<void> {
    const { follow, tail, since } = this.#flags;
    const resumeAt = this.#read.since;
    this.#read.broke();
    const options = { streams: STREAMS, follow, tail: resumeAt ? TAIL_ALL : tail, since: resumeAt ?? since };
    const request: SubscribeLogsRequest = { selector: this.#selector, options };
    for await (const { messages } of this.#connection.stream(LogsService.subscribeLogs, request)) {
      this.#isBegun = true;
      if (messages.length > 0) came();
      for (const message of messages) if (isNotice(message)) this.#warn(message.data.toString());
      const lines = messages.filter((message) => !isNotice(message) && this.#read.take(message));
      if (follow) await this.#hold(lines);
      else await this.#taker.show(lines);
    }
  }

  #warn(text: string): void {
    this.#warnings.push(text);
    this.#taker.warn(text);
  }

  /** Tells what the notices have not told. */
  #isIncomplete(error: unknown): boolean {
    const reasons = error instanceof RpcError ? INCOMPLETE.exec(error.message)?.[1] : undefined;
    if (reasons === undefined) return false;
    let left = reasons;
    for (const warning of this.#warnings) left = left.replace(warning, "");
    left = left.replace(/^[,\s]+|[,\s]+$/g, "").replace(/(, )+/g, ", ");
    if (left !== "") this.#warn(left);
    return true;
  }

  async #hold(lines: readonly LogMessage[]): Promise<void> {
    this.#window.push(lines, this.#taker.now());
    this.#alarm ??= setTimeout(() => {
      this.#alarm = undefined;
      void this.#showHeld(this.#window.take(this.#taker.now()));
      if (!this.#window.isEmpty) void this.#hold([]);
    }, WINDOW_MS);
    // As fast as they are shown.
    await this.#showing;
  }

  #showHeld(lines: readonly LogMessage[]): Promise<void> {
    this.#showing = this.#showing.then(() => this.#taker.show(lines));
    return this.#showing;
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#alarm);
    this.#alarm = undefined;
    await this.#showHeld(this.#window.takeAll());
  }
}

/** Whether it may be better in a while. */
function isPassing(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof RpcError && error.code === Status.UNAVAILABLE);
}
