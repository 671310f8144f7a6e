/** A running member of the log as its servers see it: what is answered here, what goes to the leader. */
import type { Metadata, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { ProxyTarget } from "../../api/proxy/call-proxy.js";
import type { Raft } from "../../raft/node/raft.js";
import type { Store } from "../../store/store.js";
import { VERSION_KEY } from "../control/context.js";
import type { Dispatcher } from "../dispatcher/dispatcher.js";
import type { LeaderRoute } from "../leadership/leader-route.js";
import type { LeaderServices, LeaderTerm } from "../leadership/leader-term.js";
import { LeaderWait } from "../leadership/leader-wait.js";
import { noLeaderText } from "../leadership/no-leader.js";
import type { Terms } from "../leadership/terms.js";
import type { Patience } from "./patient.js";

export interface ServedMemberOptions {
  readonly store: Store;
  readonly raft: Raft<unknown>;
  readonly terms: Terms<LeaderTerm>;
  readonly route: LeaderRoute;
  readonly dispatcher: Dispatcher;
  /** All of the Control API. */
  readonly control: UntypedServiceImplementation;
}

/** Elections that a call waits for a leader through, and so long at least: on a busy host they take longer. */
const ELECTIONS = 3;
const MIN_PATIENCE_MS = 3000;
const CATCH_UP_TIMEOUT_MS = 5000;

export class ServedMember implements Patience {
  readonly store: Store;
  readonly raft: Raft<unknown>;
  readonly control: UntypedServiceImplementation;
  /** Of the agents that have come to this manager. */
  readonly dispatcher: Dispatcher;
  /** What every manager answers from its own store. */
  readonly reads: UntypedServiceImplementation;
  readonly #terms: Terms<LeaderTerm>;
  readonly #route: LeaderRoute;
  readonly #wait: LeaderWait;

  constructor({ store, raft, terms, route, dispatcher, control }: ServedMemberOptions) {
    this.store = store;
    this.raft = raft;
    this.control = control;
    this.dispatcher = dispatcher;
    this.reads = Object.fromEntries(Object.entries(control).filter(([name]) => /^(?:get|list)[A-Z]/.test(name)));
    this.#terms = terms;
    this.#route = route;
    const { tickMs, electionTicks } = raft.status();
    const hasLeader = () => terms.current !== undefined || route.target() !== undefined;
    this.#wait = new LeaderWait(hasLeader, Math.max(MIN_PATIENCE_MS, ELECTIONS * electionTicks * tickMs));
  }

  /** While this manager leads. */
  get leading(): LeaderServices | undefined {
    return this.#terms.current?.services;
  }

  get target(): ProxyTarget | undefined {
    return this.#route.target();
  }

  get noLeaderText(): string {
    const hostnameOf = (id: string) => this.store.view((read) => read.get("node", id)?.description?.hostname);
    return noLeaderText(this.raft.status(), hostnameOf);
  }

  leader(): Promise<void> | undefined {
    return this.#wait.wait();
  }

  anotherLeader(): Promise<void> | undefined {
    return this.#wait.waitForChange();
  }

  /** Who changed something through another manager reads it here. */
  seen(trailer: Metadata): Promise<void> | undefined {
    const version = Number(trailer.get(VERSION_KEY)[0] ?? 0);
    if (!(version > this.store.version)) return undefined;
    return this.raft.whenApplied(version, CATCH_UP_TIMEOUT_MS).catch(() => undefined);
  }

  /** Somebody else leads, or nobody, or a term has begun. */
  leadershipChanged(): void {
    this.#wait.look();
  }

  stop(): void {
    this.#wait.stop();
    this.#route.close();
  }
}
