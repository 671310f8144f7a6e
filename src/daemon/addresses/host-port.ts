/** "HOST:PORT" taken apart and put together; an IPv6 address stands in brackets. */
import { isIPv6 } from "node:net";

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/** @returns undefined for what is neither "HOST", "HOST:PORT", "[V6]", "[V6]:PORT" nor a bare IPv6 address */
export function parseHostPort(text: string): HostPort | undefined {
  if (isIPv6(text)) return { host: text, port: undefined };
  const [, bracketed, bare, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s[\]/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  if (host === undefined || (bracketed !== undefined && !isIPv6(bracketed))) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return { host, port };
}

export function formatHostPort(host: string, port: number): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
