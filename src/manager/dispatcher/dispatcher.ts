/**
 * The agents' side of a manager, whether it leads or not: it holds sessions, hears heartbeats, and tells nodes what to run from its own
 * store. What must be written goes to the leader.
 */
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { NodeDescription } from "../../api/generated/docker/swarmkit/v1/types.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { RefusedReport } from "../../api/generated/tswarm/v1/dispatcher.js";
import type { CallContext } from "../../api/server-call.js";
import { aborted, notFound, permissionDenied, unavailable } from "../../api/status-error.js";
import type { CallerIdentity } from "../../security/identity.js";
import type { StoreEvent } from "../../store/change.js";
import type { Clock } from "../../store/clock.js";
import type { RandomBytes } from "../../store/object-id.js";
import type { Store } from "../../store/store.js";
import { FlushRounds } from "./flush-rounds.js";
import { HeartbeatPeriod } from "./heartbeat-period.js";
import type { LeaderLink } from "./leader-link.js";
import { LeaderSwitch } from "./leader-switch.js";
import { addressOf } from "./node-address.js";
import { nodeSessionService } from "./node-session-service.js";
import { NodeSessions } from "./node-sessions.js";
import { OrderWriter } from "./order-writer.js";
import { Seat } from "./seat.js";
import { SessionNews } from "./session-news.js";
import type { StatusReport } from "./status-collector.js";
import { swarmKitDispatcher } from "./swarmkit-dispatcher.js";

export interface DispatcherOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly identity: CallerIdentity;
  /** The node of this manager. */
  readonly managerNodeId: string;
  /** Where other nodes reach this manager, "10.0.0.1:4242". */
  readonly managerAddress: string;
  readonly log: (line: string) => void;
}

/** Handlers of both services for agents. */
export interface DispatcherServices {
  readonly dispatcher: UntypedServiceImplementation;
  readonly nodeSession: UntypedServiceImplementation;
}

/** A node that is about to begin a session. */
interface Arriving {
  /** The leader takes it to be here. */
  isHeld: boolean;
  /** And then not any more: it has turned to another manager. */
  isOvertaken: boolean;
}

/** So many periods, within these bounds, sessions stand without a leader; then agents had better look for another manager. */
const PATIENCE_PERIODS = 2;
const MIN_PATIENCE_MS = 3000;
const MAX_PATIENCE_MS = 10_000;

const SUPERSEDED = aborted("the node has begun another session");
const SUPERSEDED_ELSEWHERE = aborted("the node counts as down, or has begun a session with another manager");
const LEADERLESS = unavailable("this manager has lost the leader of the cluster: turn to another");

export class Dispatcher {
  readonly #services: DispatcherServices;
  readonly #options: DispatcherOptions;
  readonly #sessions: NodeSessions;
  readonly #seats = new Map<string, Seat>();
  /** Nodes that are about to begin a session: those that try it again, more than one. */
  readonly #arriving = new Map<string, Set<Arriving>>();
  readonly #leader: LeaderSwitch;
  readonly #period = new HeartbeatPeriod();
  readonly #news: SessionNews;
  readonly #writer = new OrderWriter();
  readonly #rounds = new FlushRounds<Seat>((seat) => seat.flush());
  #isServing = false;
  #over: Error | undefined;
  #endWatch: () => void = () => {};
  /** While there is no leader: takes back the end of patience. */
  #patience: (() => void) | undefined;

  constructor(options: DispatcherOptions) {
    const { clock, random, managerNodeId, managerAddress, log } = options;
    this.#options = options;
    this.#news = new SessionNews({ peer: { nodeId: managerNodeId, addr: managerAddress }, weight: 1 });
    this.#sessions = new NodeSessions(
      clock,
      random,
      () => this.#period.settings,
      (nodeId, graceMs) => this.#ended(nodeId, graceMs),
    );
    this.#leader = new LeaderSwitch(clock, () => this.#patienceMs);
    this.#services = { dispatcher: swarmKitDispatcher(this, log), nodeSession: nodeSessionService(this, log) };
  }

  start(): void {
    const { store } = this.#options;
    const { end } = store.viewAndWatch(
      (read) => {
        this.#period.look(read);
        this.#news.look(read);
      },
      [{ kind: "task" }, { kind: "node" }, { kind: "cluster" }],
      (events) => this.#seen(events),
    );
    this.#endWatch = end;
  }

  /** At once: nothing is taken in any more. */
  stop(reason: Error = unavailable("the manager is stopping")): void {
    this.#over = reason;
    this.#isServing = false;
    this.#endWatch();
    this.#patience?.();
    this.#rounds.stop();
    this.#leader.stop(reason);
    this.#sessions.endAll(reason);
    for (const nodeId of [...this.#seats.keys()]) this.#unseat(nodeId);
  }

  /** While nodes may come here: a leader takes what they tell, or did a moment ago. */
  get services(): DispatcherServices | undefined {
    return this.#isServing ? this.#services : undefined;
  }

  /** How many nodes have a session here. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /** The leader, from now on; undefined while it is not in reach. Sessions stand meanwhile, for a while. */
  follow(link: LeaderLink | undefined): void {
    if (this.#over) return;
    if (link) {
      this.#patience?.();
      this.#patience = undefined;
      this.#isServing = true;
      this.#leader.attach(link, [...this.#sessions.nodeIds()]);
      return;
    }
    this.#leader.detach();
    if (!this.#isServing || this.#patience) return;
    this.#patience = this.#options.clock.after(this.#patienceMs, () => {
      this.#patience = undefined;
      this.#isServing = false;
      this.#sessions.endAll(LEADERLESS);
      for (const nodeId of [...this.#seats.keys()]) this.#unseat(nodeId);
    });
  }

  /** The leader says that these sessions are over. */
  superseded(nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) {
      for (const arriving of this.#arriving.get(nodeId) ?? []) if (arriving.isHeld) arriving.isOvertaken = true;
      this.#sessions.endOf(nodeId, SUPERSEDED_ELSEWHERE);
    }
  }

  /**
   * Begins the session of a node.
   * @param isOpen whether the node still waits for it
   * @returns undefined when it does not
   * @throws StatusError
   */
  async begin(
    context: CallContext,
    description: NodeDescription | undefined,
    isOpen: () => boolean,
  ): Promise<Seat | undefined> {
    const { store, identity, managerAddress } = this.#options;
    const caller = identity.identify(context);
    const { nodeId } = caller;
    const address = store.view((read) => addressOf(caller, read, managerAddress));
    const arriving = { isHeld: false, isOvertaken: false };
    const others = this.#arriving.get(nodeId);
    if (others) others.add(arriving);
    else this.#arriving.set(nodeId, new Set([arriving]));
    let isAdmitted = false;
    try {
      await this.#leader.arrive({ nodeId, description, address }, () => {
        arriving.isHeld = true;
        arriving.isOvertaken = false;
      });
      isAdmitted = isOpen() && !this.#over && !arriving.isOvertaken;
    } finally {
      this.#arrived(nodeId, arriving, isAdmitted);
    }
    if (this.#over) throw this.#over;
    if (arriving.isOvertaken) throw SUPERSEDED_ELSEWHERE;
    return isAdmitted ? this.#open(nodeId) : undefined;
  }

  /** @throws StatusError as {@link NodeSessions.check} */
  seatOf(context: CallContext, sessionId: string): Seat {
    const { nodeId } = this.#options.identity.identify(context);
    this.#sessions.check(nodeId, sessionId);
    return this.#seats.get(nodeId)!;
  }

  /** @returns in how many milliseconds the node is to be heard of again @throws StatusError */
  beat({ session }: Seat): number {
    return this.#sessions.beat(session.nodeId, session.id);
  }

  /** The same for a node that is told only when its period changes. */
  beatRegularly({ session }: Seat): number {
    return this.#sessions.beatRegularly(session.nodeId, session.id);
  }

  /** Resolves when all is written, but for what is refused. @throws StatusError */
  report({ session }: Seat, reports: readonly StatusReport[]): Promise<readonly RefusedReport[]> {
    this.#sessions.check(session.nodeId, session.id);
    return this.#leader.report(session.nodeId, reports);
  }

  /** As {@link report}, but all or nothing, as far as this manager knows. @throws StatusError PERMISSION_DENIED */
  reportAll(seat: Seat, reports: readonly StatusReport[]): Promise<readonly RefusedReport[]> {
    this.#options.store.view((read) => {
      for (const { taskId } of reports) {
        const owner = read.get("task", taskId)?.nodeId;
        if (owner && owner !== seat.nodeId) {
          throw permissionDenied(`task ${taskId} is not assigned to node ${seat.nodeId}`);
        }
      }
    });
    return this.report(seat, reports);
  }

  /** The node has gone. */
  end(seat: Seat): void {
    this.#sessions.end(seat.session, unavailable("the session's stream has ended"));
  }

  /** There may be something to send, now that the node takes it. */
  drained(seat: Seat): void {
    this.#rounds.note(seat);
  }

  get #patienceMs(): number {
    const { periodMs } = this.#period.settings;
    return Math.min(Math.max(PATIENCE_PERIODS * periodMs, MIN_PATIENCE_MS), MAX_PATIENCE_MS);
  }

  #open(nodeId: string): Seat {
    const { store } = this.#options;
    const session = this.#sessions.open(nodeId, SUPERSEDED);
    this.#unseat(nodeId);
    const seat = new Seat({ session, store, news: this.#news, writer: this.#writer });
    this.#seats.set(nodeId, seat);
    return seat;
  }

  #unseat(nodeId: string): void {
    const seat = this.#seats.get(nodeId);
    if (!seat) return;
    this.#seats.delete(nodeId);
    this.#rounds.delete(seat);
    seat.close();
  }

  /** The leader has an answer to a node that came. */
  #arrived(nodeId: string, arriving: Arriving, isAdmitted: boolean): void {
    const all = this.#arriving.get(nodeId)!;
    all.delete(arriving);
    if (all.size === 0) this.#arriving.delete(nodeId);
    if (isAdmitted || all.size > 0 || this.#sessions.has(nodeId)) return;
    const { periodMs, graceFactor } = this.#period.settings;
    this.#leader.left(nodeId, periodMs * graceFactor);
  }

  #ended(nodeId: string, graceMs: number): void {
    this.#unseat(nodeId);
    // Its next session is about to begin: to the leader it has not gone.
    if (!this.#arriving.has(nodeId)) this.#leader.left(nodeId, graceMs);
  }

  #seen(events: readonly StoreEvent[]): void {
    let isNews = false;
    for (const event of events) {
      if (event.kind === "task") {
        const { object, previous } = event;
        this.#noteTask(object.nodeId, object.id, event.action === "remove" ? undefined : object);
        if (previous && previous.nodeId !== object.nodeId) this.#noteTask(previous.nodeId, object.id, undefined);
      } else if (event.kind === "node") {
        const { id, role } = event.object;
        if (event.action === "remove") {
          this.#sessions.endOf(id, notFound(`node ${id} was removed from the cluster`));
        } else {
          const seat = this.#seats.get(id);
          if (seat) this.#rounds.note(seat);
        }
        if (role === NodeRole.MANAGER || event.previous?.role === NodeRole.MANAGER) isNews = true;
      } else if (event.kind === "cluster") {
        this.#options.store.view((read) => this.#period.look(read));
        isNews = true;
      }
    }
    if (!isNews || !this.#options.store.view((read) => this.#news.look(read))) return;
    for (const seat of this.#seats.values()) this.#rounds.note(seat);
  }

  #noteTask(nodeId: string, id: string, task: Parameters<Seat["noteTask"]>[1]): void {
    const seat = this.#seats.get(nodeId);
    if (seat?.noteTask(id, task)) this.#rounds.note(seat);
  }
}
