import { UsageError } from "../failure.js";
import { formatSocketAddress, parseSocketAddress } from "../socket-address.js";

const DEFAULT_PORT = 2377;
const MAX_MANAGERS = 100;
/** Of a host name (RFC 1035): no part of it is longer than 63 characters. A join token is. */
const LONG_LABEL = /[^.]{64}/;

/**
 * Reads managers to join at: one or several, also with commas between them; without a port it is 2377.
 * @returns HOST:PORT each
 * @throws UsageError
 */
export function parseManagers(args: readonly string[]): string[] {
  const texts = args.flatMap((arg) => arg.split(",")).map((text) => text.trim());
  if (texts.length > MAX_MANAGERS) throw new UsageError(`more than ${MAX_MANAGERS} managers`);
  return [...new Set(texts.map(parseManager))];
}

function parseManager(text: string): string {
  const withPort = /^(?:[^:[\]/\s]+|\[[^\]]*\])$/.test(text) ? `${text}:${DEFAULT_PORT}` : text;
  try {
    const address = parseSocketAddress(withPort, "HOST:PORT");
    if (address.kind === "tcp" && !LONG_LABEL.test(address.host)) return formatSocketAddress(address);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
  // It may be a token in the wrong place, so it is not repeated.
  throw new UsageError("what stands after the flags is not the HOST:PORT of a manager");
}
