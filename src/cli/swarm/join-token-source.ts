import { readFileSync } from "node:fs";
import { JoinTokenError, parseJoinToken } from "../../security/pki/join-token.js";
import { CommandError, UsageError } from "../failure.js";
import { type FlagReader, nonEmpty } from "../flag-reader.js";
import type { Terminal } from "../terminal.js";

const MAX_FILE_BYTES = 4096;

/** The token of --token or --token-file, checked. @throws UsageError, CommandError; neither repeats what was given */
export async function readJoinToken(flags: FlagReader, terminal: Terminal): Promise<string> {
  const text = flags.value("--token", nonEmpty);
  const path = flags.value("--token-file", nonEmpty);
  if (text !== undefined && path !== undefined) throw new UsageError("give --token or --token-file, not both");
  if (text !== undefined) return checked(text);
  if (path === undefined)
    throw new UsageError('--token or --token-file is needed: "tsctl join-token worker" on a manager shows one');
  return checked(path === "-" ? await terminal.readSecret("Enter join token: ") : readTokenFile(path));
}

function readTokenFile(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(0, MAX_FILE_BYTES);
  } catch (error) {
    throw new CommandError(`--token-file: cannot read ${path}: ${(error as Error).message}`);
  }
}

function checked(text: string): string {
  const token = text.trim();
  try {
    parseJoinToken(token);
  } catch (error) {
    if (error instanceof JoinTokenError) throw new UsageError(error.message);
    throw error;
  }
  return token;
}
