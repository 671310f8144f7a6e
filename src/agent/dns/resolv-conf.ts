/** The host's own resolver settings: where unknown names are asked for. resolv.conf(5). */
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";

/** As the C library: further name servers are not used. */
const MAX_SERVERS = 3;
const LOOK_INTERVAL_MS = 1000;

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

/** The `nameserver` lines with an address in them, in their order. */
export function parseNameServers(text: string): readonly Upstream[] {
  const servers: Upstream[] = [];
  for (const line of text.split("\n")) {
    const [keyword, address] = line.trim().split(/\s+/);
    if (keyword !== "nameserver" || address === undefined || isIP(address.split("%")[0]!) === 0) continue;
    if (!servers.some((server) => server.address === address)) servers.push({ address, port: 53 });
  }
  return servers.slice(0, MAX_SERVERS);
}

/** The servers of a file that people and programs change while we run: looked at when asked for, at most once a second. */
export class ResolvConfFile {
  readonly #path: string;
  readonly #now: () => number;
  #servers: readonly Upstream[] = [];
  #version = "";
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds on a clock that only goes forward */
  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  /** None when there is no such file. @throws an error of fs, naming the path, when it cannot be read */
  servers(): readonly Upstream[] {
    const now = this.#now();
    if (now - this.#lookedAt < LOOK_INTERVAL_MS) return this.#servers;
    this.#lookedAt = now;
    const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    const version = stat ? `${stat.dev}/${stat.ino}/${stat.size}/${stat.mtimeNs}/${stat.ctimeNs}` : "";
    if (version === this.#version) return this.#servers;
    this.#servers = stat ? parseNameServers(readFileSync(this.#path, "utf8")) : [];
    this.#version = version;
    return this.#servers;
  }
}
