/** Linearizable reads (thesis, section 6.4): one round of the leader serves all reads that were asked for before it began. */
import type { RaftMachine } from "../core/machine.js";
import { NOBODY } from "../core/member-id.js";
import type { ReadState } from "../core/ready.js";
import type { Random } from "./clock.js";
import { noLeader, timedOut } from "./errors.js";
import { RaftError } from "./raft.js";

interface Reader {
  resolve(): void;
  reject(error: RaftError): void;
  ageTicks: number;
}

interface Round {
  readonly context: Buffer;
  readonly readers: Reader[];
  asked: boolean;
  ticksSinceAsked: number;
}

const MAX_READERS = 100_000;
const PREFIX_BYTES = 8;

export class ReadBarriers {
  readonly #core: Pick<RaftMachine, "readIndex" | "leader">;
  readonly #prefix: Uint8Array;
  readonly #retryTicks: number;
  readonly #timeoutTicks: number;
  #counter = 0;
  /** Not in a round yet, oldest first. */
  #waiting: Reader[] = [];
  #round: Round | undefined;
  /** Answered: they wait for the state to get there. */
  #confirmed: { readonly index: number; readonly readers: readonly Reader[] }[] = [];
  #count = 0;

  constructor(
    core: Pick<RaftMachine, "readIndex" | "leader">,
    random: Random,
    times: { readonly retryTicks: number; readonly timeoutTicks: number },
  ) {
    this.#core = core;
    // Contexts are told apart by the leader, which gets them of all members.
    this.#prefix = random.bytes(PREFIX_BYTES);
    this.#retryTicks = times.retryTicks;
    this.#timeoutTicks = times.timeoutTicks;
  }

  wait(): Promise<void> {
    if (this.#count >= MAX_READERS) {
      return Promise.reject(new RaftError("busy", `${MAX_READERS} reads wait already: try again`));
    }
    this.#count++;
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject, ageTicks: 0 }));
  }

  /** Begins a round when one is wanted and none is under way, or asks again where it could not. */
  pump(): void {
    if (!this.#round && this.#waiting.length > 0) {
      this.#round = { context: this.#nextContext(), readers: this.#waiting, asked: false, ticksSinceAsked: 0 };
      this.#waiting = [];
    }
    if (this.#round && !this.#round.asked) this.#ask(this.#round);
  }

  /** The one that was asked may not be there any more. */
  leaderChanged(): void {
    if (this.#round) this.#round.asked = false;
  }

  answered(state: ReadState, applied: number): void {
    if (!this.#round?.context.equals(state.context)) return;
    this.#confirmed.push({ index: state.index, readers: this.#round.readers });
    this.#round = undefined;
    this.applied(applied);
  }

  applied(index: number): void {
    if (this.#confirmed.length === 0) return;
    this.#confirmed = this.#confirmed.filter((one) => {
      if (one.index > index) return true;
      this.#count -= one.readers.length;
      for (const reader of one.readers) reader.resolve();
      return false;
    });
  }

  tick(): void {
    if (this.#count === 0) return;
    if (this.#round?.asked && ++this.#round.ticksSinceAsked >= this.#retryTicks) this.#round.asked = false;
    this.#waiting = this.#withoutLate(this.#waiting);
    if (this.#round) {
      const readers = this.#withoutLate(this.#round.readers);
      this.#round = readers.length === 0 ? undefined : { ...this.#round, readers };
    }
    this.#confirmed = this.#confirmed.flatMap(({ index, readers }) => {
      const left = this.#withoutLate(readers);
      return left.length === 0 ? [] : [{ index, readers: left }];
    });
  }

  end(reason: () => RaftError): void {
    const all = [
      ...this.#waiting,
      ...(this.#round?.readers ?? []),
      ...this.#confirmed.flatMap(({ readers }) => readers),
    ];
    this.#waiting = [];
    this.#round = undefined;
    this.#confirmed = [];
    this.#count = 0;
    for (const reader of all) reader.reject(reason());
  }

  #ask(round: Round): void {
    round.asked = this.#core.readIndex(round.context);
    round.ticksSinceAsked = 0;
  }

  #withoutLate(readers: readonly Reader[]): Reader[] {
    return readers.filter((reader) => {
      if (++reader.ageTicks < this.#timeoutTicks) return true;
      this.#count--;
      reader.reject(this.#core.leader === NOBODY ? noLeader() : timedOut("finding out what has been written"));
      return false;
    });
  }

  #nextContext(): Buffer {
    const context = Buffer.alloc(PREFIX_BYTES + 8);
    context.set(this.#prefix);
    context.writeBigUInt64BE(BigInt(++this.#counter), PREFIX_BYTES);
    return context;
  }
}
