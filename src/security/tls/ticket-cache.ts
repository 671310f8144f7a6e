/** Session tickets of TLS, one per server: a connection that is made again costs neither side a signature. */

const MAX_SERVERS = 64;

export class TicketCache {
  readonly #tickets = new Map<string, Buffer>();

  get size(): number {
    return this.#tickets.size;
  }

  /** @returns the ticket, which is not given out again (RFC 8446 appendix C.4: whoever listens could link connections by it) */
  take(server: string): Buffer | undefined {
    const ticket = this.#tickets.get(server);
    this.#tickets.delete(server);
    return ticket;
  }

  /** The newest of each server. */
  keep(server: string, ticket: Buffer): void {
    this.#tickets.delete(server);
    this.#tickets.set(server, ticket);
    if (this.#tickets.size <= MAX_SERVERS) return;
    const [oldest] = this.#tickets.keys();
    if (oldest !== undefined) this.#tickets.delete(oldest);
  }
}
