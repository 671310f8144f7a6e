/** Keeps a manager's dispatcher connected with whoever leads: itself, or another by the relay. */
import type { ProxyTarget } from "../../api/proxy/call-proxy.js";
import type { Clock } from "../../store/clock.js";
import type { Dispatcher } from "./dispatcher.js";
import type { Registrar } from "./registrar.js";
import { RelayClient } from "./relay-client.js";

export interface LeaderFollowerOptions {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly managerNodeId: string;
  /** While this manager leads. */
  readonly registrar: () => Registrar | undefined;
  /** While another one leads. */
  readonly target: () => ProxyTarget | undefined;
  /** Resolves when this manager's store has a version. */
  readonly whenApplied: (version: number) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Who leads is known before its address is, and it leads before it takes relays. */
const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 1000;
/** A leader that does not know the relay may be replaced by one of a newer version under the same address. */
const UNKNOWN_PAUSE_MS = 60_000;

interface Way {
  /** The registrar, or the client to the other manager. */
  readonly to: object | undefined;
  close(): void;
}

const NOWHERE: Way = { to: undefined, close: () => {} };

export class LeaderFollower {
  readonly #options: LeaderFollowerOptions;
  #way: Way = NOWHERE;
  #pauseMs = FIRST_PAUSE_MS;
  #cancelRetry: () => void = () => {};
  #stopped = false;

  constructor(options: LeaderFollowerOptions) {
    this.#options = options;
  }

  /** To be called whenever leadership may have changed. */
  look(): void {
    if (this.#stopped) return;
    const registrar = this.#options.registrar();
    const target = registrar ? undefined : this.#options.target();
    const to = registrar ?? target?.client;
    if (to !== undefined && to === this.#way.to) return;
    this.#leave();
    if (registrar) this.#stay(registrar);
    else if (target) this.#relay(target);
    else this.#again(this.#nextPauseMs());
  }

  stop(): void {
    this.#stopped = true;
    this.#leave();
  }

  #leave(): void {
    this.#cancelRetry();
    const way = this.#way;
    this.#way = NOWHERE;
    way.close();
    this.#options.dispatcher.follow(undefined);
  }

  #stay(registrar: Registrar): void {
    const { dispatcher, managerNodeId } = this.#options;
    const hold = registrar.open(managerNodeId, (nodeIds) => dispatcher.superseded(nodeIds));
    this.#way = { to: registrar, close: () => registrar.close(hold) };
    dispatcher.follow(hold);
  }

  #relay({ client }: ProxyTarget): void {
    const { dispatcher, clock, whenApplied, log } = this.#options;
    const relay: RelayClient = new RelayClient({
      client,
      clock,
      whenApplied,
      ready: () => {
        this.#pauseMs = FIRST_PAUSE_MS;
        dispatcher.follow(relay);
      },
      superseded: (nodeIds) => dispatcher.superseded(nodeIds),
      lost: (reason, isUnknown) => {
        this.#leave();
        if (isUnknown) log(`dispatcher: the leader takes no relay, agents' calls are passed on to it: ${reason}`);
        this.#again(isUnknown ? UNKNOWN_PAUSE_MS : this.#nextPauseMs());
      },
    });
    this.#way = { to: client, close: () => relay.close() };
  }

  #again(pauseMs: number): void {
    if (!this.#stopped) this.#cancelRetry = this.#options.clock.after(pauseMs, () => this.look());
  }

  #nextPauseMs(): number {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
    return pauseMs;
  }
}
