/**
 * The leader's part of the dispatcher, for one term: what nodes and the managers that hold them tell is written down, and nodes that
 * nobody holds are declared DOWN.
 */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { unavailable } from "../../api/status-error.js";
import { timestampMs } from "../../api/time.js";
import type { Clock } from "../../store/clock.js";
import type { Store } from "../../store/store.js";
import { isTermOver } from "../leadership/term-over.js";
import { DeadlineWheel } from "./deadline-wheel.js";
import { HeartbeatPeriod, TAKEOVER_FACTOR } from "./heartbeat-period.js";
import { type LeaderLink, LinkLostError } from "./leader-link.js";
import { type Holder, NodeCensus, type Verdict } from "./node-census.js";
import { type Arrival, NodeRegistry } from "./node-registry.js";
import { RegistrationLimit } from "./registration-limit.js";
import { StatusCollector, type StatusReport } from "./status-collector.js";
import { WakeUp } from "./wake-up.js";

export interface RegistrarOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Of this manager. */
  readonly managerNodeId: string;
  readonly log: (line: string) => void;
}

const ORPHAN_AFTER_MS = 24 * 3_600_000;
const ORPHAN_SLOT_MS = 1000;
const RETRY_MS = 1000;

export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #registry: NodeRegistry;
  readonly #statuses: StatusCollector;
  readonly #limit = new RegistrationLimit();
  readonly #period = new HeartbeatPeriod();
  readonly #census: NodeCensus;
  readonly #wakeUp: WakeUp;
  /** Nodes that are DOWN, and when patience with them ends. */
  readonly #orphans = new DeadlineWheel<string>(ORPHAN_SLOT_MS);
  readonly #orphanWakeUp: WakeUp;
  #over = false;
  #endWatch: () => void = () => {};

  constructor(options: RegistrarOptions) {
    const { store, clock, managerNodeId } = options;
    this.#options = options;
    this.#registry = new NodeRegistry(store, clock);
    this.#statuses = new StatusCollector(store, clock, managerNodeId);
    this.#census = new NodeCensus(() => ({ ...this.#period.settings, takeoverFactor: TAKEOVER_FACTOR }));
    this.#wakeUp = new WakeUp(clock, (nowMs, lateMs) => this.#look(nowMs, lateMs));
    this.#orphanWakeUp = new WakeUp(clock, (nowMs) => this.#orphan(nowMs));
  }

  start(): void {
    const { store, clock } = this.#options;
    const { seen, end } = store.viewAndWatch(
      (read) => {
        this.#period.look(read);
        return read.all("node");
      },
      [{ kind: "node" }, { kind: "cluster" }],
      (events) => {
        for (const event of events) {
          if (event.kind === "cluster") store.view((read) => this.#period.look(read));
          if (event.kind !== "node") continue;
          if (event.action === "remove") this.#removed(event.object.id);
          else this.#watchPatience(event.object);
          if (event.action === "create") this.#census.created(event.object.id);
          if (event.action === "update") this.#heal(event.object);
        }
        this.#arm();
      },
    );
    this.#endWatch = end;
    const before = seen.map((node) => ({
      id: node.id,
      isDown: node.status?.state === NodeState.DOWN,
      downSinceMs: timestampMs(node.meta?.updatedAt),
    }));
    this.#census.begin(before, clock.now());
    for (const node of seen) this.#watchPatience(node);
    this.#arm();
    this.#attempt("orphan the tasks of nodes that are gone", this.#registry.orphanTasksOfGoneNodes());
  }

  /** At once: nothing is taken in any more. */
  stop(): void {
    this.#over = true;
    this.#endWatch();
    this.#wakeUp.stop();
    this.#orphanWakeUp.stop();
  }

  /**
   * A manager begins to tell what its nodes say.
   * @param superseded called with nodes whose session there is over
   */
  open(managerId: string, superseded: (nodeIds: readonly string[]) => void): Hold {
    const hold = new Hold(managerId, superseded, {
      claim: (nodeIds) => this.#claim(hold, nodeIds),
      arrive: (arrival, held) => this.#arrive(hold, arrival, held),
      report: (nodeId, reports) => this.#report(nodeId, reports),
      left: (nodeId, graceMs) => this.#left(hold, nodeId, graceMs),
    });
    return hold;
  }

  /** It is not heard of any more. */
  close(hold: Hold): void {
    hold.isClosed = true;
    if (this.#over) return;
    this.#census.holderGone(hold, this.#options.clock.now());
    this.#arm();
  }

  #claim(hold: Hold, nodeIds: readonly string[]): void {
    if (this.#over) return;
    const over = this.#census.claimed(nodeIds, hold);
    if (over.length > 0) hold.superseded(over);
    this.#options.store.view((read) => {
      for (const nodeId of nodeIds) this.#heal(read.get("node", nodeId));
    });
    this.#arm();
  }

  async #arrive(hold: Hold, arrival: Arrival, held: () => void = () => {}): Promise<void> {
    const { nodeId } = arrival;
    if (this.#over) throw new LinkLostError();
    if (!this.#limit.admit(nodeId, this.#options.clock.now())) {
      throw unavailable(`node ${nodeId} exceeded rate limit count of registrations`);
    }
    await lostWithTheTerm(() => this.#registry.register(arrival));
    if (this.#over) throw new LinkLostError();
    const earlier = this.#census.arrived(nodeId, hold) as Hold | undefined;
    held();
    earlier?.superseded([nodeId]);
    // Its manager went while this was written: nobody vouches for the node.
    if (hold.isClosed) this.#census.holderGone(hold, this.#options.clock.now());
    this.#arm();
  }

  #report(nodeId: string, reports: readonly StatusReport[]) {
    if (this.#over) return Promise.reject(new LinkLostError());
    return lostWithTheTerm(() => this.#statuses.report(nodeId, reports));
  }

  #left(hold: Hold, nodeId: string, graceMs: number): void {
    if (this.#over) return;
    this.#census.left(nodeId, hold, graceMs, this.#options.clock.now());
    this.#arm();
  }

  /** What was written of a node while it began a session, or before it was known to have one, does not hold any more. */
  #heal(node: Node | undefined): void {
    if (!node || node.status?.state === NodeState.READY || !this.#census.holderOf(node.id)) return;
    this.#write([{ nodeId: node.id, state: NodeState.READY, message: "" }]);
  }

  #removed(nodeId: string): void {
    this.#census.removed(nodeId);
    this.#orphans.delete(nodeId);
  }

  #look(nowMs: number, lateMs: number): void {
    const verdicts = this.#census.look(nowMs, lateMs > this.#period.settings.periodMs);
    if (verdicts.length > 0) this.#write(verdicts);
    this.#arm();
  }

  /** Until it is written, or the term is over. */
  #write(verdicts: readonly Verdict[]): void {
    const holds = ({ nodeId, state }: Verdict) => {
      const isHeld = this.#census.holderOf(nodeId) !== undefined;
      return isHeld === (state === NodeState.READY);
    };
    this.#registry.mark(verdicts, holds).catch((error: unknown) => {
      if (this.#over || isTermOver(error)) return;
      this.#options.log(`dispatcher: the states of ${verdicts.length} nodes cannot be written: ${error}`);
      this.#options.clock.after(RETRY_MS, () => {
        if (!this.#over) this.#write(verdicts);
      });
    });
  }

  /** A node that stays DOWN loses its tasks in the end. */
  #watchPatience({ id, status, meta }: Node): void {
    if (status?.state !== NodeState.DOWN) this.#orphans.delete(id);
    else if (!this.#orphans.has(id)) this.#orphans.set(id, timestampMs(meta?.updatedAt) + ORPHAN_AFTER_MS);
  }

  #orphan(nowMs: number): void {
    for (const nodeId of this.#orphans.take(nowMs)) {
      this.#attempt(`orphan the tasks of node ${nodeId}`, this.#registry.orphanTasks(nodeId));
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#over) return;
    this.#wakeUp.set(this.#census.nextMs);
    this.#orphanWakeUp.set(this.#orphans.nextMs);
  }

  #attempt(what: string, done: Promise<void>): void {
    done.catch((error: unknown) => {
      if (!isTermOver(error)) this.#options.log(`dispatcher: cannot ${what}: ${error}`);
    });
  }
}

/** A manager's hold on its nodes, as the leader knows it. */
export class Hold implements Holder, LeaderLink {
  isClosed = false;
  readonly managerId: string;
  readonly superseded: (nodeIds: readonly string[]) => void;
  readonly claim: LeaderLink["claim"];
  readonly arrive: LeaderLink["arrive"];
  readonly report: LeaderLink["report"];
  readonly left: LeaderLink["left"];

  constructor(managerId: string, superseded: (nodeIds: readonly string[]) => void, link: LeaderLink) {
    this.managerId = managerId;
    this.superseded = superseded;
    this.claim = link.claim;
    this.arrive = link.arrive;
    this.report = link.report;
    this.left = link.left;
  }
}

async function lostWithTheTerm<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw isTermOver(error) ? new LinkLostError() : error;
  }
}
