import type { WriteStream } from "node:tty";
import { withoutSecrets } from "./render/secrets.js";
import { readSecret } from "./secret-input.js";

/** Where a command writes, and what it may know of the world around it. Injected, so that commands can be tested. */
export interface Terminal {
  /** Writes text as it is to standard output. */
  write(text: string): void;
  /** Writes text to standard error: progress, hints and errors. Tokens and keys in it are left out. */
  writeError(text: string): void;
  /** Writes bytes as they are, a program's own. Resolves when more can be taken. */
  pass(bytes: Uint8Array, to: "output" | "error"): Promise<void>;
  /** Standard error is a screen: progress may redraw its lines. */
  readonly isScreen: boolean;
  /** Standard output is a screen that shows colours. */
  readonly hasColour: boolean;
  /** Width of the screen in cells. */
  columns(): number;
  /** Height of the screen in lines. */
  rows(): number;
  /**
   * One line that others shall not see: typed without echo after the prompt, or read from standard input when that is no terminal.
   * @throws CommandError when it is broken off
   */
  readSecret(prompt: string): Promise<string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back at each Ctrl-C instead of ending the process. @returns a function that restores the default */
  onInterrupt(listener: () => void): () => void;
}

const FALLBACK_COLUMNS = 80;
const FALLBACK_ROWS = 24;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const output: Partial<WriteStream> = process.stdout;
  const error: Partial<WriteStream> = process.stderr;
  return {
    write: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(withoutSecrets(text)),
    pass: (bytes, to) => pass(to === "output" ? process.stdout : process.stderr, bytes),
    isScreen: error.isTTY === true && process.env.TERM !== "dumb",
    hasColour: output.isTTY === true && process.env.TERM !== "dumb" && !process.env.NO_COLOR,
    columns: () => error.columns ?? output.columns ?? FALLBACK_COLUMNS,
    rows: () => error.rows ?? output.rows ?? FALLBACK_ROWS,
    readSecret: (prompt) => readSecret(process.stdin, process.stderr, prompt),
    env: process.env,
    now: Date.now,
    onInterrupt(listener) {
      process.on("SIGINT", listener);
      return () => void process.off("SIGINT", listener);
    },
  };
}

async function pass(stream: NodeJS.WriteStream, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes)) await new Promise<void>((resolve) => stream.once("drain", resolve));
}
