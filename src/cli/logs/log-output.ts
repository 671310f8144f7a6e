/** Shows lines: what a task wrote to its standard output on standard output, what it wrote to its standard error there. */
import { type LogMessage, LogStream } from "../../api/generated/docker/swarmkit/v1/logbroker.js";
import type { Invocation } from "../invocation.js";
import { jsonLine, linePrefix, originText } from "./line-format.js";
import type { LogFlags } from "./log-flags.js";
import type { LineOrigin, LogNames } from "./log-names.js";

type Target = "output" | "error";

const LINE_BREAK = 10;

export class LogOutput {
  readonly #invocation: Invocation;
  readonly #flags: LogFlags;
  readonly #names: LogNames;
  #width = 0;
  /** Whose line is not complete yet, by where it is shown. */
  readonly #open = new Map<Target, string>();
  /** Lines so far. */
  count = 0;

  constructor(invocation: Invocation, flags: LogFlags, names: LogNames) {
    this.#invocation = invocation;
    this.#flags = flags;
    this.#names = names;
  }

  /** Lines of these may come: they are aligned from the first one on. */
  expect(origins: readonly LineOrigin[]): void {
    for (const origin of origins) this.#width = Math.max(this.#width, originText(origin, this.#flags).length);
  }

  /** Resolves when more can be shown. */
  async show(messages: readonly LogMessage[]): Promise<void> {
    const { terminal, settings } = this.#invocation;
    let parts: Uint8Array[] = [];
    let target: Target = "output";
    const pass = async () => {
      if (parts.length > 0) await terminal.pass(Buffer.concat(parts), target);
      parts = [];
    };
    for (const message of messages) {
      const origin = await this.#names.originOf(message.context ?? NOBODY);
      const isError = settings.format !== "json" && message.stream === LogStream.LOG_STREAM_STDERR;
      const to: Target = isError ? "error" : "output";
      // Both may be the same screen: the order between them is kept.
      if (to !== target) await pass();
      target = to;
      if (settings.format === "json") parts.push(Buffer.from(`${jsonLine(message, origin)}\n`));
      else parts.push(...this.#line(message, origin, to));
      this.count++;
    }
    await pass();
  }

  /** Ends a line that will not go on. */
  async finish(): Promise<void> {
    for (const target of this.#open.keys()) await this.#invocation.terminal.pass(Buffer.from("\n"), target);
    this.#open.clear();
  }

  #line(message: LogMessage, origin: LineOrigin, to: Target): readonly Uint8Array[] {
    const source = `${origin.taskId} ${message.stream}`;
    const open = this.#open.get(to);
    const isWhole = message.data.at(-1) === LINE_BREAK;
    if (isWhole) this.#open.delete(to);
    else this.#open.set(to, source);
    // A long line comes in pieces.
    if (open === source) return [message.data];
    this.expect([origin]);
    const prefix = Buffer.from(
      linePrefix(message, origin, this.#flags, this.#width, this.#invocation.terminal.hasColour),
    );
    return open === undefined ? [prefix, message.data] : [Buffer.from("\n"), prefix, message.data];
  }
}

const NOBODY = { serviceId: "", nodeId: "", taskId: "" };
