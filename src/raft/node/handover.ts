/** Leadership on its way to another member, as the one sees it that gives it away. */
import type { RaftMachine } from "../core/machine.js";
import { type MemberId, NOBODY } from "../core/member-id.js";
import { timedOut } from "./errors.js";
import { RaftError } from "./raft.js";

interface Waiter {
  resolve(leader: MemberId): void;
  reject(error: RaftError): void;
  ticksLeft: number;
}

export class Handover {
  readonly #core: Pick<RaftMachine, "transferLeadership" | "status" | "role" | "leader">;
  readonly #self: MemberId;
  #waiters: Waiter[] = [];

  constructor(core: Pick<RaftMachine, "transferLeadership" | "status" | "role" | "leader">, self: MemberId) {
    this.#core = core;
    this.#self = self;
  }

  /** @param isReachable who comes into question when nobody is named: the one that is furthest */
  begin(to: MemberId | undefined, isReachable: (id: MemberId) => boolean, timeoutTicks: number): Promise<MemberId> {
    const target = to ?? this.#furthest(isReachable);
    if (target === undefined) {
      return Promise.reject(new RaftError("busy", "no other manager that votes can be reached: none can take over"));
    }
    if (!this.#core.transferLeadership(target)) {
      return Promise.reject(new RaftError("busy", `member ${target} cannot lead: it does not vote, or leads already`));
    }
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject, ticksLeft: timeoutTicks }));
  }

  /** Looks who leads now. */
  look(): void {
    const { leader } = this.#core;
    if (this.#waiters.length === 0 || leader === NOBODY || leader === this.#self) return;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(leader);
  }

  tick(): void {
    if (this.#waiters.length === 0) return;
    const isAbandoned = this.#core.role === "leader" && this.#core.status().transferee === NOBODY;
    const late = this.#waiters.filter((waiter) => isAbandoned || --waiter.ticksLeft <= 0);
    this.#waiters = this.#waiters.filter((waiter) => !late.includes(waiter));
    for (const waiter of late) waiter.reject(timedOut("handing leadership over"));
  }

  end(reason: () => RaftError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason());
  }

  #furthest(isReachable: (id: MemberId) => boolean): MemberId | undefined {
    const candidates = this.#core
      .status()
      .followers.filter(({ id, isLearner }) => id !== this.#self && !isLearner && isReachable(id));
    return candidates.sort((a, b) => b.match - a.match)[0]?.id;
  }
}
