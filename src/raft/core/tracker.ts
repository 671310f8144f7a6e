import type { RaftConfig } from "./config.js";
import { Inflights } from "./inflights.js";
import type { MemberId } from "./member-id.js";
import { type Membership, membersOf } from "./membership.js";
import { Progress } from "./progress.js";
import { jointVote, majorityReached } from "./quorum.js";

/** What a leader knows of its members; empty on everybody else. */
export class Tracker {
  /** Every member, sorted by id, this one included. */
  all: readonly Progress[] = [];
  readonly #byId = new Map<MemberId, Progress>();
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  #membership: Membership | undefined;
  readonly #values: number[] = [];

  constructor(private readonly config: RaftConfig) {}

  get(id: MemberId): Progress | undefined {
    return this.#byId.get(id);
  }

  clear(): void {
    this.#byId.clear();
    this.all = [];
    this.#incoming = [];
    this.#outgoing = [];
    this.#membership = undefined;
  }

  /**
   * Who has gone is forgotten; who has come begins at `next`.
   *
   * @param recentlyActive of those who have come
   */
  follow(membership: Membership, next: number, recentlyActive: boolean): void {
    this.#membership = membership;
    const ids = membersOf(membership);
    for (const id of [...this.#byId.keys()]) if (!ids.includes(id)) this.#byId.delete(id);
    this.all = ids.map((id) => {
      const isLearner = membership.learners.includes(id);
      let progress = this.#byId.get(id);
      if (progress === undefined) {
        const { maxInflightMessages, maxInflightBytes } = this.config;
        progress = new Progress(
          id,
          next,
          isLearner,
          recentlyActive,
          new Inflights(maxInflightMessages, maxInflightBytes),
        );
        this.#byId.set(id, progress);
      }
      progress.isLearner = isLearner;
      return progress;
    });
    this.#incoming = membership.voters.map((id) => this.#byId.get(id)!);
    this.#outgoing = membership.outgoing.map((id) => this.#byId.get(id)!);
  }

  /** The greatest index that a quorum holds durably. */
  committed(): number {
    return Math.min(
      majorityReached(this.#collect(this.#incoming, matchOf)),
      majorityReached(this.#collect(this.#outgoing, matchOf)),
    );
  }

  /** The newest round of reads that a quorum has confirmed. */
  readRound(): number {
    return Math.min(
      majorityReached(this.#collect(this.#incoming, readRoundOf)),
      majorityReached(this.#collect(this.#outgoing, readRoundOf)),
    );
  }

  /** Whether a quorum was heard of since the last look; from now on everybody but `self` must be heard of again. */
  checkQuorum(self: MemberId): boolean {
    const active = new Map(this.all.map((one) => [one.id, one.recentlyActive || one.id === self]));
    for (const one of this.all) one.recentlyActive = one.id === self;
    return jointVote(this.#membership?.voters ?? [], this.#membership?.outgoing ?? [], active) === "won";
  }

  #collect(members: readonly Progress[], of: (progress: Progress) => number): number[] {
    const values = this.#values;
    values.length = members.length;
    for (let i = 0; i < members.length; i++) values[i] = of(members[i]!);
    return values;
  }
}

const matchOf = (progress: Progress): number => progress.match;
const readRoundOf = (progress: Progress): number => progress.readRound;
