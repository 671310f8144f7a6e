/**
 * Which nodes of the cluster are heard of, as the leader knows it: each is held by one manager, or awaited. Pure: times come in, what is
 * to be written of a node comes out.
 *
 * A manager vouches for the nodes whose sessions it has. One that is awaited is first *away*: nothing new is given to it; then *down*:
 * what it has is given to others. No more are declared down than the partition guard allows.
 */
import { NodeStatus_State as NodeState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { askAgainMs, countLosses, maxLosses } from "../orchestrator/partition-guard.js";
import { DeadlineWheel } from "./deadline-wheel.js";
import type { HeartbeatSettings } from "./node-sessions.js";

/** A manager's hold on its nodes, from one beginning to its end. */
export interface Holder {
  /** The manager's node. */
  readonly managerId: string;
}

export interface CensusSettings extends HeartbeatSettings {
  /** So many periods nodes have to find a new leader, or the manager that they were with has to. */
  readonly takeoverFactor: number;
}

export interface NodeBefore {
  readonly id: string;
  readonly isDown: boolean;
  /** About when it was declared down, ms since 1970. */
  readonly downSinceMs: number;
}

/** What is to be written of a node. */
export interface Verdict {
  readonly nodeId: string;
  readonly state: NodeState;
  readonly message: string;
}

interface Entry {
  holder: Holder | undefined;
  /** When it was declared down; undefined while it is not. */
  downSinceMs: number | undefined;
  /** While it is awaited: when it counts as down. */
  downAtMs: number;
  away: Omit<Verdict, "nodeId">;
}

const SLOT_MS = 100;
/** A node that looks for a manager has so many periods until that shows. */
const AWAY_PERIODS = 1;
/** After a takeover; the managers that hold nodes need a moment themselves. */
const TAKEOVER_AWAY_PERIODS = 2;

const LOOKING = { state: NodeState.DISCONNECTED, message: "node is currently trying to find new manager" } as const;
const TAKEN_OVER = {
  state: NodeState.UNKNOWN,
  message: "it was not heard of since the leadership of the cluster changed",
} as const;

export class NodeCensus {
  readonly #settings: () => CensusSettings;
  readonly #entries = new Map<string, Entry>();
  readonly #held = new Map<Holder, Set<string>>();
  readonly #deadlines = new DeadlineWheel<string>(SLOT_MS);

  constructor(settings: () => CensusSettings) {
    this.#settings = settings;
  }

  /** When {@link look} has something to do. */
  get nextMs(): number | undefined {
    return this.#deadlines.nextMs;
  }

  holderOf(nodeId: string): Holder | undefined {
    return this.#entries.get(nodeId)?.holder;
  }

  /** Another manager led until now: whoever was alive then is awaited, for longer than usual. */
  begin(nodes: Iterable<NodeBefore>, nowMs: number): void {
    const { periodMs, takeoverFactor } = this.#settings();
    for (const { id, isDown, downSinceMs } of nodes) {
      const entry = this.#entry(id);
      if (isDown) {
        entry.downSinceMs = downSinceMs;
        continue;
      }
      entry.away = TAKEN_OVER;
      entry.downAtMs = nowMs + periodMs * takeoverFactor;
      this.#deadlines.set(id, nowMs + periodMs * TAKEOVER_AWAY_PERIODS);
    }
  }

  /** A node has begun a session. @returns the manager that had it until now, when it was another one */
  arrived(nodeId: string, holder: Holder): Holder | undefined {
    const entry = this.#entry(nodeId);
    const earlier = entry.holder;
    if (earlier && earlier !== holder) this.#held.get(earlier)?.delete(nodeId);
    this.#hold(nodeId, entry, holder);
    entry.downSinceMs = undefined;
    return earlier === holder ? undefined : earlier;
  }

  /**
   * A manager has come with sessions that stand already.
   * @returns those that are over: the node is unknown, is down (it has to begin anew), or is with another manager by now
   */
  claimed(nodeIds: readonly string[], holder: Holder): readonly string[] {
    return nodeIds.filter((nodeId) => {
      const entry = this.#entries.get(nodeId);
      if (!entry || entry.downSinceMs !== undefined || (entry.holder && entry.holder !== holder)) return true;
      this.#hold(nodeId, entry, holder);
      return false;
    });
  }

  /** A session has ended. @param graceMs so long the node still counts as alive */
  left(nodeId: string, holder: Holder, graceMs: number, nowMs: number): void {
    const entry = this.#entries.get(nodeId);
    if (entry?.holder !== holder) return;
    this.#held.get(holder)?.delete(nodeId);
    this.#await(nodeId, entry, nowMs + graceMs, nowMs);
  }

  /** A manager is not heard of any more, or leads no more: nobody vouches for its nodes. */
  holderGone(holder: Holder, nowMs: number): void {
    const { periodMs, graceFactor } = this.#settings();
    const held = this.#held.get(holder);
    this.#held.delete(holder);
    for (const nodeId of held ?? [])
      this.#await(nodeId, this.#entries.get(nodeId)!, nowMs + periodMs * graceFactor, nowMs);
  }

  /** A node that the store has only now: nobody waits for it until it comes. */
  created(nodeId: string): void {
    this.#entry(nodeId);
  }

  removed(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (!entry) return;
    this.#entries.delete(nodeId);
    this.#deadlines.delete(nodeId);
    if (entry.holder) this.#held.get(entry.holder)?.delete(nodeId);
  }

  /** @param isBlind the manager itself stood still: whoever was due gets all its time again */
  look(nowMs: number, isBlind: boolean): readonly Verdict[] {
    const due = this.#deadlines.take(nowMs);
    if (due.length === 0) return [];
    const verdicts: Verdict[] = [];
    const lost: string[] = [];
    const { periodMs, graceFactor } = this.#settings();
    for (const nodeId of due) {
      const entry = this.#entries.get(nodeId)!;
      if (isBlind) {
        this.#await(nodeId, entry, nowMs + periodMs * graceFactor, nowMs);
      } else if (entry.downAtMs <= nowMs) {
        lost.push(nodeId);
      } else {
        verdicts.push({ nodeId, ...entry.away });
        this.#deadlines.set(nodeId, entry.downAtMs);
      }
    }
    if (lost.length > 0) verdicts.push(...this.#lose(lost, nowMs));
    return verdicts;
  }

  #lose(nodeIds: readonly string[], nowMs: number): readonly Verdict[] {
    const counts = countLosses(this.#known(), nowMs);
    const allowed = Math.max(0, maxLosses(counts.nodes) - counts.lost);
    const again = allowed < nodeIds.length ? askAgainMs(this.#known(), nowMs) : 0;
    return nodeIds.map((nodeId, i) => {
      const entry = this.#entries.get(nodeId)!;
      if (i < allowed) {
        entry.downSinceMs = nowMs;
        return { nodeId, state: NodeState.DOWN, message: "heartbeat failure" };
      }
      this.#deadlines.set(nodeId, Math.max(again, nowMs + SLOT_MS));
      const message =
        "heartbeat failure; it does not count as down: too many nodes fell silent at once, it may be the managers that are cut off";
      return { nodeId, state: NodeState.UNKNOWN, message };
    });
  }

  *#known() {
    for (const [id, { downSinceMs }] of this.#entries) {
      yield { id, isDown: downSinceMs !== undefined, downSinceMs: downSinceMs ?? 0 };
    }
  }

  #await(nodeId: string, entry: Entry, downAtMs: number, nowMs: number): void {
    entry.holder = undefined;
    entry.away = LOOKING;
    entry.downAtMs = downAtMs;
    this.#deadlines.set(nodeId, Math.min(downAtMs, nowMs + this.#settings().periodMs * AWAY_PERIODS));
  }

  #hold(nodeId: string, entry: Entry, holder: Holder): void {
    entry.holder = holder;
    this.#deadlines.delete(nodeId);
    let held = this.#held.get(holder);
    if (!held) {
      held = new Set();
      this.#held.set(holder, held);
    }
    held.add(nodeId);
  }

  #entry(nodeId: string): Entry {
    let entry = this.#entries.get(nodeId);
    if (!entry) {
      entry = { holder: undefined, downSinceMs: undefined, downAtMs: 0, away: LOOKING };
      this.#entries.set(nodeId, entry);
    }
    return entry;
  }
}
