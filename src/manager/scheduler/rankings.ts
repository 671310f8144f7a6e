/** Rankings that are in use, made when they are first needed; those that nobody has asked for longest are forgotten. */
import type { ClusterState } from "./cluster-state.js";
import { Ranking, type ServiceRules } from "./ranking.js";
import type { Requirements } from "./requirements.js";

/** Some 40 bytes each. */
const MAX_ROWS = 2_000_000;
/** With fewer tasks than this a service shares a ranking, whatever the size of the cluster. */
const MIN_OWN_TASKS = 16;
/** A service that is on one node of so many has a ranking of its own. */
const OWN_SHARE = 4;

export interface RankingChoice {
  readonly ranking: Ranking;
  readonly isOwn: boolean;
}

export class Rankings {
  readonly #state: ClusterState;
  readonly #rankings = new Map<string, Ranking>();
  /** The one that was used last. */
  #newest: { readonly key: string; readonly ranking: Ranking } | undefined;
  /** How many services' versions have rankings of their own: most clusters have few. */
  readonly #ownVersions = new Map<string, number>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  /** @param tasks how many are to be placed */
  choose(wanted: Requirements, rules: ServiceRules, tasks: number): RankingChoice {
    const isOwn = this.#hasOwn(wanted, rules) || this.#isDense(rules.serviceId, tasks);
    return { ranking: isOwn ? this.own(wanted, rules) : this.#use(wanted.key, wanted, undefined), isOwn };
  }

  /** The service's own. */
  own(wanted: Requirements, rules: ServiceRules): Ranking {
    return this.#use(ownKey(wanted, rules), wanted, rules);
  }

  #use(key: string, wanted: Requirements, rules: ServiceRules | undefined): Ranking {
    if (this.#newest?.key === key) return this.#newest.ranking;
    const ranking = this.#rankings.get(key) ?? this.#make(wanted, rules);
    this.#rankings.delete(key);
    this.#rankings.set(key, ranking);
    this.#newest = { key, ranking };
    this.#limit();
    return ranking;
  }

  #make(wanted: Requirements, rules: ServiceRules | undefined): Ranking {
    if (rules) this.#countOwn(rules.version, 1);
    return new Ranking(this.#state, wanted, rules);
  }

  #hasOwn(wanted: Requirements, rules: ServiceRules): boolean {
    return this.#ownVersions.has(rules.version) && this.#rankings.has(ownKey(wanted, rules));
  }

  #countOwn(version: string, by: 1 | -1): void {
    const count = (this.#ownVersions.get(version) ?? 0) + by;
    if (count > 0) this.#ownVersions.set(version, count);
    else this.#ownVersions.delete(version);
  }

  get size(): number {
    return this.#rankings.size;
  }

  #isDense(serviceId: string, tasks: number): boolean {
    const reached = tasks + (this.#state.service(serviceId)?.nodeCount ?? 0);
    return reached >= MIN_OWN_TASKS && reached * OWN_SHARE >= this.#state.rowCount;
  }

  #limit(): void {
    let rows = 0;
    for (const ranking of this.#rankings.values()) rows += Math.max(ranking.rows, this.#state.rowCount);
    for (const [key, ranking] of this.#rankings) {
      if (rows <= MAX_ROWS || this.#rankings.size === 1) break;
      rows -= Math.max(ranking.rows, this.#state.rowCount);
      this.#rankings.delete(key);
      if (ranking.ownVersion !== undefined) this.#countOwn(ranking.ownVersion, -1);
    }
  }
}

function ownKey(wanted: Requirements, { version, maxReplicas }: ServiceRules): string {
  return `${version}/${maxReplicas}/${wanted.key}`;
}
