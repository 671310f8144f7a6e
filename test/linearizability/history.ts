/**
 * What clients asked and were answered, as the checker takes it, and as it stands in a file.
 *
 * A file has one JSON object a line. A client writes a line before it asks, and another when it knows the outcome; it asks one thing at a time:
 *
 *     {"client":"c1","key":"k","event":"call","at":12.5,"input":{"kind":"write","value":"7"}}
 *     {"client":"c1","event":"answer","at":13.1,"output":{"kind":"written"}}
 *     {"client":"c1","event":"nothing","at":13.1}          it surely had no effect: the operation is left out
 *     {"client":"c1","event":"unknown","at":13.1}          it may have had one, or have it later, or never
 *
 * A call without an outcome is as good as one that is unknown: a client may be killed at any moment. `at` is a number in any unit that all
 * clients share (a monotonic clock of the one machine that they run on).
 */

export interface Operation<Input, Output> {
  readonly client: string;
  /** Operations of different keys have nothing to do with each other. */
  readonly key: string;
  readonly input: Input;
  readonly calledAt: number;
  /** When the answer was there; undefined when nobody knows whether, or when, it took effect. */
  readonly answeredAt: number | undefined;
  /** Undefined just when {@link answeredAt} is. */
  readonly output: Output | undefined;
}

/** Collects a history as it happens. */
export class History<Input, Output> {
  readonly #operations: Operation<Input, Output>[] = [];
  readonly #open = new Set<OpenOperation<Input, Output>>();

  /** A client asks. One of the three ends it; one that nobody ends stays unknown. */
  call(client: string, key: string, input: Input, calledAt: number): OpenOperation<Input, Output> {
    const open: OpenOperation<Input, Output> = {
      answer: (output, answeredAt) => {
        if (this.#open.delete(open)) this.#operations.push({ client, key, input, calledAt, answeredAt, output });
      },
      nothing: () => void this.#open.delete(open),
      unknown: () => {
        if (this.#open.delete(open))
          this.#operations.push({ client, key, input, calledAt, answeredAt: undefined, output: undefined });
      },
    };
    this.#open.add(open);
    return open;
  }

  /** All that was asked so far; what is still open is unknown from now on. */
  operations(): readonly Operation<Input, Output>[] {
    for (const open of [...this.#open]) open.unknown();
    return this.#operations;
  }
}

export interface OpenOperation<_Input, Output> {
  answer(output: Output, answeredAt: number): void;
  /** It surely had no effect, and told nothing. */
  nothing(): void;
  unknown(): void;
}

export class HistoryFormatError extends Error {
  override readonly name = "HistoryFormatError";
  constructor(line: number, reason: string) {
    super(`line ${line} of the history: ${reason}`);
  }
}

interface Line {
  readonly client?: unknown;
  readonly key?: unknown;
  readonly event?: unknown;
  readonly at?: unknown;
  readonly input?: unknown;
  readonly output?: unknown;
}

/**
 * Reads the lines of one or more clients, each client's in order. A last line that was cut off is left out: its writer was killed.
 * Inputs and outputs are taken as they are.
 * @throws HistoryFormatError
 */
export function readHistory<Input, Output>(text: string): readonly Operation<Input, Output>[] {
  const history = new History<Input, Output>();
  const open = new Map<string, { readonly operation: OpenOperation<Input, Output>; readonly at: number }>();
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const parsed = parseLine(line, index + 1, index === lines.length - 1);
    if (!parsed) break;
    const { client, key, event, at } = parsed;
    if (typeof client !== "string") throw new HistoryFormatError(index + 1, "it has no client");
    if (typeof at !== "number") throw new HistoryFormatError(index + 1, "it has no time");
    if (event === "call") {
      if (typeof key !== "string") throw new HistoryFormatError(index + 1, "the call has no key");
      if (open.has(client))
        throw new HistoryFormatError(index + 1, `${client} asks before its last call has an outcome`);
      open.set(client, { operation: history.call(client, key, parsed.input as Input, at), at });
      continue;
    }
    const call = open.get(client);
    if (!call) throw new HistoryFormatError(index + 1, `${client} has asked nothing`);
    if (at < call.at) throw new HistoryFormatError(index + 1, `${client} has its answer before its call`);
    open.delete(client);
    if (event === "answer") call.operation.answer(parsed.output as Output, at);
    else if (event === "nothing") call.operation.nothing();
    else if (event === "unknown") call.operation.unknown();
    else throw new HistoryFormatError(index + 1, `no event is called ${JSON.stringify(event)}`);
  }
  return history.operations();
}

function parseLine(line: string, number: number, isLast: boolean): Line | undefined {
  try {
    return JSON.parse(line) as Line;
  } catch (error) {
    if (isLast) return undefined;
    throw new HistoryFormatError(number, (error as Error).message);
  }
}
