/** Which nodes have a session with this manager, and until when each counts as alive without another word. */
import { invalidArgument, notFound } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";
import { DeadlineWheel } from "./deadline-wheel.js";
import { WakeUp } from "./wake-up.js";

export interface HeartbeatSettings {
  readonly periodMs: number;
  /** After so many periods in silence a node is DOWN. */
  readonly graceFactor: number;
}

export interface NodeSession {
  readonly id: string;
  readonly nodeId: string;
  /** Calls `listener` when the session ends, with the reason. */
  onEnd(listener: (error: Error) => void): void;
}

/** @param graceMs so long the node still counts as alive; 0 when it was silent for too long */
export type SessionEnded = (nodeId: string, graceMs: number) => void;

interface Entry extends NodeSession {
  /** Of the period: nodes that came together do not beat together for long. */
  readonly jitter: number;
  readonly endListeners: ((error: Error) => void)[];
}

/** Heartbeats of many nodes are spread over this part of the period, to both sides, in so many steps. */
const JITTER = 0.1;
const JITTER_STEPS = 64;
/** A node that falls silent is seen so much later at most. */
const SLOT_MS = 100;

export class NodeSessions {
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #settings: () => HeartbeatSettings;
  readonly #ended: SessionEnded;
  readonly #sessions = new Map<string, Entry>();
  readonly #deadlines = new DeadlineWheel<string>(SLOT_MS);
  readonly #wakeUp: WakeUp;

  /** @param ended called when a node has no session any more; not when another one takes its place, nor when all end */
  constructor(clock: Clock, random: RandomBytes, settings: () => HeartbeatSettings, ended: SessionEnded) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
    this.#ended = ended;
    this.#wakeUp = new WakeUp(clock, (nowMs, lateMs) => this.#look(nowMs, lateMs));
  }

  get size(): number {
    return this.#sessions.size;
  }

  nodeIds(): Iterable<string> {
    return this.#sessions.keys();
  }

  has(nodeId: string): boolean {
    return this.#sessions.has(nodeId);
  }

  /** Begins a session; an earlier one of the node ends with `superseded`. */
  open(nodeId: string, superseded: Error): NodeSession {
    const earlier = this.#sessions.get(nodeId);
    const endListeners: Entry["endListeners"] = [];
    const session: Entry = {
      id: newObjectId(this.#random),
      nodeId,
      jitter: this.#jitter(),
      endListeners,
      onEnd: (listener) => endListeners.push(listener),
    };
    this.#sessions.set(nodeId, session);
    this.#heard(nodeId);
    if (earlier) tell(earlier, superseded);
    return session;
  }

  /** @throws StatusError as SwarmKit's: NOT_FOUND for a node without session, INVALID_ARGUMENT for another session */
  check(nodeId: string, sessionId: string): NodeSession {
    const session = this.#sessions.get(nodeId);
    if (!session) throw notFound("node not registered");
    if (session.id !== sessionId) throw invalidArgument("session invalid");
    return session;
  }

  /** @returns in how many milliseconds the node is to be heard of again: always the same, until the settings change */
  beatRegularly(nodeId: string, sessionId: string): number {
    const { jitter } = this.check(nodeId, sessionId) as Entry;
    this.#heard(nodeId);
    return Math.round(this.#settings().periodMs * jitter);
  }

  /** @returns in how many milliseconds the node is to be heard of again: each time others */
  beat(nodeId: string, sessionId: string): number {
    this.check(nodeId, sessionId);
    this.#heard(nodeId);
    return Math.round(this.#settings().periodMs * this.#jitter());
  }

  #jitter(): number {
    const fraction = ((this.#random(1)[0] ?? 0) % JITTER_STEPS) / (JITTER_STEPS - 1);
    return 1 + JITTER * (2 * fraction - 1);
  }

  /** Ends a session, unless it has ended. */
  end(session: NodeSession, error: Error): void {
    if (this.#sessions.get(session.nodeId) === session) this.endOf(session.nodeId, error);
  }

  /** Ends the session of a node, if there is one. */
  endOf(nodeId: string, error: Error): void {
    const dueMs = this.#deadlines.dueOf(nodeId) ?? 0;
    const session = this.#remove(nodeId);
    if (!session) return;
    tell(session, error);
    this.#ended(nodeId, Math.max(0, dueMs - this.#clock.now()));
  }

  /** Ends all. Sessions may begin again afterwards. */
  endAll(error: Error): void {
    this.#wakeUp.stop();
    for (const nodeId of [...this.#sessions.keys()]) tell(this.#remove(nodeId)!, error);
  }

  #heard(nodeId: string): void {
    const { periodMs, graceFactor } = this.#settings();
    this.#deadlines.set(nodeId, this.#clock.now() + periodMs * graceFactor);
    this.#wakeUp.set(this.#deadlines.nextMs);
  }

  #remove(nodeId: string): Entry | undefined {
    const session = this.#sessions.get(nodeId);
    this.#sessions.delete(nodeId);
    this.#deadlines.delete(nodeId);
    return session;
  }

  #look(nowMs: number, lateMs: number): void {
    // Whoever slept so long himself cannot know what was said meanwhile.
    const isBlind = lateMs > this.#settings().periodMs;
    for (const nodeId of this.#deadlines.take(nowMs)) {
      if (isBlind) {
        this.#heard(nodeId);
        continue;
      }
      const session = this.#sessions.get(nodeId);
      this.#sessions.delete(nodeId);
      if (!session) continue;
      tell(session, notFound("node not registered: it was not heard of for too long"));
      this.#ended(nodeId, 0);
    }
    this.#wakeUp.set(this.#deadlines.nextMs);
  }
}

function tell(session: Entry, error: Error): void {
  for (const listener of session.endListeners.splice(0)) listener(error);
}
