/** Who leads, as told to this member's users: they hear of their own leadership only once it is of use. */
import type { RaftMachine } from "../core/machine.js";
import { NOBODY } from "../core/member-id.js";
import { Listeners } from "./listeners.js";
import type { Leadership } from "./raft.js";

export class LeadershipWatch {
  readonly #core: Pick<RaftMachine, "role" | "leader" | "term" | "lastIndex">;
  readonly #listeners: Listeners<readonly [Leadership]>;
  #current: Leadership;
  /** The term that this member leads, or will once the entry that opened it is applied. */
  #ownTerm = 0;
  #opensAt = 0;

  constructor(core: Pick<RaftMachine, "role" | "leader" | "term" | "lastIndex">, log: (line: string) => void) {
    this.#core = core;
    this.#listeners = new Listeners("leadership", log);
    this.#current = { role: "follower", leader: NOBODY, term: core.term };
  }

  get current(): Leadership {
    return this.#current;
  }

  /** It leads, has been told so, and knows all that was committed in earlier terms. */
  get isLeading(): boolean {
    return this.#current.role === "leader" && this.#core.role === "leader" && this.#core.term === this.#current.term;
  }

  listen(listener: (leadership: Leadership) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Looks at the core. @returns what has changed, if anything has */
  update(applied: number): { readonly before: Leadership; readonly now: Leadership } | undefined {
    const { role, leader, term, lastIndex } = this.#core;
    if (role === "leader" && this.#ownTerm !== term) {
      this.#ownTerm = term;
      // Nothing was proposed in this term yet: the last entry is the empty one that opens it (section 8).
      this.#opensAt = lastIndex;
    }
    const leads = role === "leader" && applied >= this.#opensAt;
    const shown: Leadership["role"] = leads ? "leader" : role === "follower" ? "follower" : "candidate";
    const knownLeader = role === "leader" && !leads ? NOBODY : leader;
    const before = this.#current;
    if (before.role === shown && before.leader === knownLeader && before.term === term) return undefined;
    const now: Leadership = { role: shown, leader: knownLeader, term };
    this.#current = now;
    return { before, now };
  }

  announce(): void {
    this.#listeners.tell(this.#current);
  }

  /** This member does nothing more. */
  end(): void {
    if (this.#current.role === "follower" && this.#current.leader === NOBODY) return;
    this.#current = { role: "follower", leader: NOBODY, term: this.#current.term };
    this.announce();
  }
}
