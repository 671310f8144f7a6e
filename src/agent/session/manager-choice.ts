/**
 * Which manager to turn to. The local one first, then those that the cluster names, then those that the node was told of; one that failed
 * comes last, and one that did not even answer later still. Pure: time and chance come from outside.
 */

/** The managers that a node knows of; what uses them sees every change. */
export class ManagerList {
  readonly #told: readonly string[];
  #local: string | undefined;
  #known: readonly string[] = [];

  /** @param told addresses that stay, whatever the cluster says: the last resort */
  constructor(told: readonly string[]) {
    this.#told = told;
  }

  /** The address of the manager on this host, while it runs. */
  setLocal(address: string | undefined): void {
    this.#local = address;
  }

  /** Addresses of the managers on other hosts, as the cluster names them. */
  setKnown(addresses: readonly string[]): void {
    this.#known = addresses;
  }

  /** In the order of preference; those of one rank together. */
  ranks(): readonly (readonly string[])[] {
    const local = this.#local === undefined ? [] : [this.#local];
    return [local, this.#known, this.#told.filter((address) => !this.#known.includes(address))];
  }
}

/** How using a manager ended. */
export type ManagerFailure =
  /** It answered, but it cannot help now: it knows no leader, it stops. */
  | "refused"
  /** Nothing was heard of it: it is down, or cut off, or stands still. */
  | "silent";

/** One that was silent is not asked again so soon, while there are others. */
const SILENT_PENALTY_MS = 5000;
/** A failure so long ago says nothing. */
const FORGIVEN_AFTER_MS = 15_000;

/** What one user of managers has met with them. */
export class ManagerChoice {
  readonly #list: ManagerList;
  readonly #random: () => number;
  /** When an address counts as failed last, by the time that comes from outside. */
  readonly #failures = new Map<string, number>();

  constructor(list: ManagerList, random: () => number) {
    this.#list = list;
    this.#random = random;
  }

  /** @throws Error when no manager is known */
  pick(nowMs: number): string {
    for (const [address, failedAtMs] of this.#failures) {
      if (nowMs - failedAtMs > FORGIVEN_AFTER_MS) this.#failures.delete(address);
    }
    const ranks = this.#list.ranks();
    for (const rank of ranks) {
      const good = rank.filter((address) => !this.#failures.has(address));
      if (good.length > 0) return good[Math.floor(this.#random() * good.length)]!;
    }
    const [longestAgo] = ranks.flat().sort((a, b) => this.#failures.get(a)! - this.#failures.get(b)!);
    if (longestAgo === undefined) throw new Error("no manager of the cluster is known");
    return longestAgo;
  }

  failed(address: string, failure: ManagerFailure, nowMs: number): void {
    this.#failures.set(address, failure === "silent" ? nowMs + SILENT_PENALTY_MS : nowMs);
  }
}
