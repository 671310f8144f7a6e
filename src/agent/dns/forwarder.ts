/** Names that the cluster does not know go to the host's upstream servers, in their order, within limits. */
import { RCODE } from "./constants.js";
import type { Query } from "./query.js";
import type { Upstream } from "./resolv-conf.js";
import type { Transport } from "./resolver.js";
import { emptyResponse, truncatedResponse } from "./response.js";
import type { Exchange, NoAnswer } from "./upstream-exchange.js";
import { answerForClient, type UpstreamAnswer } from "./upstream-message.js";

export interface ForwarderOptions {
  /** The servers as they are now. */
  readonly servers: () => readonly Upstream[];
  readonly exchange: Exchange;
  /** For one server. Three servers must fit into the five seconds after which clients ask again. */
  readonly timeoutMs?: number;
  /** Questions that may wait for an answer at once. */
  readonly maxPerSandbox?: number;
  readonly maxPerNode?: number;
  readonly log: (line: string) => void;
}

export interface ForwarderStats {
  forwarded: number;
  outstanding: number;
  /** Answered with SERVFAIL since too many were outstanding. */
  overLimit: number;
  /** Answered with SERVFAIL since the host has no upstream server. */
  noUpstream: number;
  /** Tries at one server that ended without an answer. */
  failedTries: number;
}

export class Forwarder {
  readonly #options: Required<ForwarderOptions>;
  readonly #perSandbox = new Map<string, number>();
  readonly stats: ForwarderStats = { forwarded: 0, outstanding: 0, overLimit: 0, noUpstream: 0, failedTries: 0 };

  constructor(options: ForwarderOptions) {
    this.#options = { timeoutMs: 1500, maxPerSandbox: 256, maxPerNode: 1024, ...options };
  }

  /** @returns the answer for the client, SERVFAIL where there is none. Never rejects */
  async forward(query: Query, transport: Transport, sandbox: string): Promise<Buffer> {
    const waiting = this.#perSandbox.get(sandbox) ?? 0;
    if (waiting >= this.#options.maxPerSandbox || this.stats.outstanding >= this.#options.maxPerNode) {
      this.stats.overLimit++;
      return emptyResponse(query, RCODE.SERVFAIL);
    }
    const servers = this.#servers();
    if (servers.length === 0) {
      this.stats.noUpstream++;
      return emptyResponse(query, RCODE.SERVFAIL);
    }
    this.#perSandbox.set(sandbox, waiting + 1);
    this.stats.outstanding++;
    this.stats.forwarded++;
    try {
      return await this.#ask(query, transport, servers);
    } finally {
      this.stats.outstanding--;
      const left = this.#perSandbox.get(sandbox)! - 1;
      if (left === 0) this.#perSandbox.delete(sandbox);
      else this.#perSandbox.set(sandbox, left);
    }
  }

  /** A server that fails or refuses leads to the next; of servers that all do, the last word counts. */
  async #ask(query: Query, transport: Transport, servers: readonly Upstream[]): Promise<Buffer> {
    let last: UpstreamAnswer | undefined;
    for (const server of servers) {
      const result = await this.#try(query, server, transport);
      if ("failure" in result) {
        this.stats.failedTries++;
        continue;
      }
      last = result;
      if (result.rcode !== RCODE.SERVFAIL && result.rcode !== RCODE.REFUSED) break;
      this.stats.failedTries++;
    }
    if (!last) return emptyResponse(query, RCODE.SERVFAIL);
    const tooLong = transport === "udp" && last.bytes.length > query.udpSizeBytes;
    return tooLong ? truncatedResponse(query) : answerForClient(last, query);
  }

  async #try(query: Query, server: Upstream, transport: Transport): Promise<UpstreamAnswer | NoAnswer> {
    try {
      return await this.#options.exchange(query, server, transport, this.#options.timeoutMs);
    } catch (error) {
      // No socket to be had, for one: the client gets its SERVFAIL, and people a line.
      const detail = `${server.address}: ${error instanceof Error ? error.message : error}`;
      this.#options.log(`upstream name server ${detail}`);
      return { failure: "unreachable", detail };
    }
  }

  #servers(): readonly Upstream[] {
    try {
      return this.#options.servers();
    } catch (error) {
      this.#options.log(`upstream name servers: ${error instanceof Error ? error.message : error}`);
      return [];
    }
  }
}
