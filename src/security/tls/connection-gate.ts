/**
 * How many connections a port for nodes holds, and whose. Pure: says who comes in, keeps count.
 *
 *   opened ──► in handshake ──► verified (of a node) or anonymous ──► closed
 */
import { addressOf } from "../peer-address.js";

export interface ConnectionLimits {
  /** Of every kind. An agent has some three. */
  readonly total: number;
  /** More would each wait longer than anybody does: a handshake costs about a millisecond. Who is refused tries again. */
  readonly handshakes: number;
  readonly handshakesPerAddress: number;
  /** Without a certificate: whoever joins. */
  readonly anonymous: number;
  /** Many nodes may join from behind one address. */
  readonly anonymousPerAddress: number;
  /** A node that was taken over is not to take the places of others. */
  readonly perNode: number;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  total: 40_000,
  handshakes: 4096,
  handshakesPerAddress: 2048,
  anonymous: 8192,
  anonymousPerAddress: 2048,
  perNode: 128,
};

/** Which limit was reached. */
export type Limit = keyof ConnectionLimits;

type Place =
  | { readonly kind: "handshake"; readonly address: string }
  | { readonly kind: "anonymous"; readonly address: string }
  | { readonly kind: "node"; readonly nodeId: string };

/** One connection's place. */
export interface Admitted {
  place: Place;
}

export class ConnectionGate {
  readonly #limits: ConnectionLimits;
  readonly #handshakes = new Tally();
  readonly #anonymous = new Tally();
  readonly #nodes = new Tally();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** @param peer "10.0.0.1" */
  open(peer: string): Admitted | Limit {
    const { total, handshakes, handshakesPerAddress } = this.#limits;
    const address = addressOf(peer);
    if (this.counts.total >= total) return "total";
    if (this.#handshakes.total >= handshakes) return "handshakes";
    if (this.#handshakes.of(address) >= handshakesPerAddress) return "handshakesPerAddress";
    this.#handshakes.add(address);
    return { place: { kind: "handshake", address } };
  }

  /** The handshake is over. @param nodeId undefined without a certificate @returns the limit that keeps it out: it is to be closed */
  verified(one: Admitted, nodeId: string | undefined): Limit | undefined {
    if (one.place.kind !== "handshake") throw new Error("a connection has one handshake");
    const { address } = one.place;
    const { anonymous, anonymousPerAddress, perNode } = this.#limits;
    if (nodeId === undefined) {
      if (this.#anonymous.total >= anonymous) return "anonymous";
      if (this.#anonymous.of(address) >= anonymousPerAddress) return "anonymousPerAddress";
      this.#move(one, { kind: "anonymous", address });
      return undefined;
    }
    if (this.#nodes.of(nodeId) >= perNode) return "perNode";
    this.#move(one, { kind: "node", nodeId });
    return undefined;
  }

  closed({ place }: Admitted): void {
    this.#tally(place).remove(keyOf(place));
  }

  get counts() {
    const handshakes = this.#handshakes.total;
    const anonymous = this.#anonymous.total;
    const nodes = this.#nodes.total;
    return { total: handshakes + anonymous + nodes, handshakes, anonymous, nodes };
  }

  #move(one: Admitted, place: Place): void {
    this.closed(one);
    one.place = place;
    this.#tally(place).add(keyOf(place));
  }

  #tally({ kind }: Place): Tally {
    return kind === "node" ? this.#nodes : kind === "anonymous" ? this.#anonymous : this.#handshakes;
  }
}

function keyOf(place: Place): string {
  return place.kind === "node" ? place.nodeId : place.address;
}

class Tally {
  readonly #counts = new Map<string, number>();
  total = 0;

  of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }

  add(key: string): void {
    this.total++;
    this.#counts.set(key, this.of(key) + 1);
  }

  remove(key: string): void {
    this.total--;
    const left = this.of(key) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
