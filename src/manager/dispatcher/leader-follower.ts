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

const FIRST_PAUSE_MS = 100;
const LAST_PAUSE_MS = 2000;
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
    if (to === this.#way.to) return;
    this.#way.close();
    this.#way = NOWHERE;
    if (registrar) this.#stay(registrar);
    else if (target) this.#way = this.#relay(target);
    else this.#options.dispatcher.follow(undefined);
  }

  stop(): void {
    this.#stopped = true;
    this.#way.close();
    this.#way = NOWHERE;
  }

  #stay(registrar: Registrar): void {
    const { dispatcher, managerNodeId } = this.#options;
    const hold = registrar.open(managerNodeId, (nodeIds) => dispatcher.superseded(nodeIds));
    this.#way = { to: registrar, close: () => registrar.close(hold) };
    dispatcher.follow(hold);
  }

  #relay(target: ProxyTarget): Way {
    const { dispatcher, clock, whenApplied, log } = this.#options;
    let client: RelayClient | undefined;
    let pauseMs = FIRST_PAUSE_MS;
    let cancelRetry = () => {};
    let isClosed = false;
    // Until the relay stands, as after it broke.
    dispatcher.follow(undefined);
    const open = () => {
      const made: RelayClient = new RelayClient({
        target,
        clock,
        whenApplied,
        ready: () => {
          pauseMs = FIRST_PAUSE_MS;
          dispatcher.follow(made);
        },
        superseded: (nodeIds) => dispatcher.superseded(nodeIds),
        lost: (reason, isUnknown) => {
          if (isClosed) return;
          dispatcher.follow(undefined);
          if (isUnknown) log(`dispatcher: the leader takes no relay, agents' calls are passed on to it: ${reason}`);
          cancelRetry = clock.after(isUnknown ? UNKNOWN_PAUSE_MS : pauseMs, open);
          pauseMs = Math.min(pauseMs * 2, LAST_PAUSE_MS);
        },
      });
      client = made;
    };
    open();
    return {
      to: target.client,
      close: () => {
        isClosed = true;
        cancelRetry();
        client?.close();
      },
    };
  }
}
