import { isIPv6 } from "node:net";
import { resolve } from "node:path";
import { UsageError } from "./failure.js";

/** sun_path of unix(7), less the final zero. */
const MAX_PATH_BYTES = 107;

/** Where tswarmd listens: a unix socket, or a port of a host. */
export type SocketAddress =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** Reads `/run/x.sock`, `unix:///run/x.sock`, `host:4242`, `[::1]:4242` or `tcp://host:4242`. @throws UsageError */
export function parseSocketAddress(text: string, flag: string): SocketAddress {
  const path = text.replace(/^unix:(?:\/\/)?/, "");
  if (text.startsWith("unix:") || path.includes("/") === !text.startsWith("tcp://")) {
    if (path === "" || path.includes("\0")) throw new UsageError(`${flag}: "${text}" is not the path of a socket`);
    if (Buffer.byteLength(resolve(path)) > MAX_PATH_BYTES) {
      throw new UsageError(`${flag}: the path is longer than the ${MAX_PATH_BYTES} bytes that a unix socket may have`);
    }
    return { kind: "unix", path };
  }
  const match = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:.]+\]|[^:/\s]+):(\d{1,5})$/.exec(text);
  const [, name = "", digits = ""] = match ?? [];
  const host = name.replace(/^\[|\]$/g, "");
  const port = Number(digits);
  if (port < 1 || port > 65_535 || (name.startsWith("[") && !isIPv6(host))) {
    throw new UsageError(`${flag}: "${text}" is neither the path of a socket (with a slash) nor HOST:PORT`);
  }
  return { kind: "tcp", host, port };
}

/** As a person would write it. */
export function formatSocketAddress(address: SocketAddress): string {
  if (address.kind === "unix") return address.path;
  return `${isIPv6(address.host) ? `[${address.host}]` : address.host}:${address.port}`;
}
