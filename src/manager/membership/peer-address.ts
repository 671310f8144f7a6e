/** Where a manager that asks to be taken in can be reached. Pure. */
import { invalidArgument } from "../../api/status-error.js";

/**
 * @param asked "HOST:PORT" as the manager says itself; one that listens at every address is reached where its call came from
 * @param peer "10.0.0.7:53210"
 * @throws StatusError (INVALID_ARGUMENT)
 */
export function peerAddress(asked: string, peer: string): string {
  const [, host, port] = /^(.*):(\d+)$/.exec(asked) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw invalidArgument(`invalid argument: "${asked}" is no address of a manager (HOST:PORT)`);
  }
  if (!["", "0.0.0.0", "[::]", "::"].includes(host)) return asked;
  const [, from] = /^(?:ipv[46]:)?(.*):\d+$/.exec(peer) ?? [];
  const own = from?.replace(/^\[|\]$/g, "").replace(/^::ffff:/, "");
  if (!own) throw invalidArgument(`invalid argument: it is not known from where the manager at "${asked}" calls`);
  return `${own.includes(":") ? `[${own}]` : own}:${port}`;
}
