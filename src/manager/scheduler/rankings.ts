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

  constructor(state: ClusterState) {
    this.#state = state;
  }

  /** @param tasks how many are to be placed */
  choose(wanted: Requirements, rules: ServiceRules, tasks: number): RankingChoice {
    const isOwn = this.#rankings.has(ownKey(wanted, rules)) || this.#isDense(rules.serviceId, tasks);
    return { ranking: isOwn ? this.own(wanted, rules) : this.#use(wanted.key, wanted, undefined), isOwn };
  }

  /** The service's own. */
  own(wanted: Requirements, rules: ServiceRules): Ranking {
    return this.#use(ownKey(wanted, rules), wanted, rules);
  }

  #use(key: string, wanted: Requirements, rules: ServiceRules | undefined): Ranking {
    const ranking = this.#rankings.get(key) ?? new Ranking(this.#state, wanted, rules);
    this.#rankings.delete(key);
    this.#rankings.set(key, ranking);
    this.#limit();
    return ranking;
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
    }
  }
}

function ownKey(wanted: Requirements, { version, maxReplicas }: ServiceRules): string {
  return `${version}/${maxReplicas}/${wanted.key}`;
}
