import type { ReadStream } from "node:tty";
import { CommandError, ExitCode } from "./failure.js";

const LONGEST_BYTES = 4096;
const INTERRUPT = "\u0003";
const END = "\u0004";
const ERASE = /[\u007f\b]/;

/**
 * Reads one line: from a terminal without echo, else the first line of what comes.
 * @throws CommandError when it is broken off by Ctrl-C, or too long
 */
export async function readSecret(input: ReadStream, output: NodeJS.WritableStream, prompt: string): Promise<string> {
  return input.isTTY ? readTyped(input, output, prompt) : readPiped(input);
}

async function readPiped(input: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes("\n")) break;
    if (text.length > LONGEST_BYTES)
      throw new CommandError(`standard input holds no line of at most ${LONGEST_BYTES} bytes`);
  }
  return text.split(/\r?\n/, 1)[0]!;
}

async function readTyped(input: ReadStream, output: NodeJS.WritableStream, prompt: string): Promise<string> {
  output.write(prompt);
  input.setRawMode(true);
  input.setEncoding("utf8");
  let text = "";
  try {
    for await (const chunk of input) {
      for (const key of String(chunk)) {
        if (key === INTERRUPT) throw new CommandError("broken off", ExitCode.interrupted);
        if (key === "\r" || key === "\n" || key === END) return text;
        if (ERASE.test(key)) text = text.slice(0, -1);
        else if (text.length < LONGEST_BYTES) text += key;
      }
    }
    return text;
  } finally {
    input.setRawMode(false);
    output.write("\n");
  }
}
