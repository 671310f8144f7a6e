/** Which nodes are connected, by which session, and until when they count as alive without another word. */
import { invalidArgument, notFound } from "../../api/status-error.js";
import type { Clock } from "../../store/clock.js";
import { newObjectId, type RandomBytes } from "../../store/object-id.js";

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

interface Entry extends NodeSession {
  readonly endListeners: ((error: Error) => void)[];
}

/** Heartbeats of many nodes are spread over this part of the period. */
const JITTER = 0.1;

export class NodeSessions {
  readonly #clock: Clock;
  readonly #random: RandomBytes;
  readonly #settings: () => HeartbeatSettings;
  readonly #onSilent: (nodeId: string) => void;
  readonly #sessions = new Map<string, Entry>();
  /** Takes back the alarm of a node that is thought to live. */
  readonly #alarms = new Map<string, () => void>();

  /** @param onSilent called when a node has not been heard of for the grace period; its session has ended then */
  constructor(
    clock: Clock,
    random: RandomBytes,
    settings: () => HeartbeatSettings,
    onSilent: (nodeId: string) => void,
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
    this.#onSilent = onSilent;
  }

  /** Begins a session; an earlier one of the node ends with `superseded`. */
  open(nodeId: string, superseded: Error): NodeSession {
    this.close(nodeId, superseded);
    const endListeners: Entry["endListeners"] = [];
    const session: Entry = {
      id: newObjectId(this.#random),
      nodeId,
      endListeners,
      onEnd: (listener) => endListeners.push(listener),
    };
    this.#sessions.set(nodeId, session);
    this.expect(nodeId);
    return session;
  }

  /** @throws StatusError as SwarmKit's: NOT_FOUND for a node without session, INVALID_ARGUMENT for another session */
  check(nodeId: string, sessionId: string): NodeSession {
    const session = this.#sessions.get(nodeId);
    if (!session) throw notFound("node not registered");
    if (session.id !== sessionId) throw invalidArgument("session invalid");
    return session;
  }

  /** @returns in how many milliseconds the node is to be heard of again */
  beat(nodeId: string, sessionId: string): number {
    this.check(nodeId, sessionId);
    this.expect(nodeId);
    const fraction = (this.#random(1)[0] ?? 0) / 255;
    return Math.round(this.#settings().periodMs * (1 + JITTER * (2 * fraction - 1)));
  }

  /** The node must be heard of within the grace period, from now on. */
  expect(nodeId: string, periods = this.#settings().graceFactor): void {
    this.#alarms.get(nodeId)?.();
    const { periodMs } = this.#settings();
    const dueMs = this.#clock.now() + periodMs * periods;
    const cancel = this.#clock.after(periodMs * periods, () => {
      this.#alarms.delete(nodeId);
      // Whoever slept so long himself cannot know what was said meanwhile.
      if (this.#clock.now() - dueMs > periodMs) this.expect(nodeId, periods);
      else this.#giveUp(nodeId);
    });
    this.#alarms.set(nodeId, cancel);
  }

  /** Ends a session; the node still counts as alive until its grace period is over. */
  close(nodeId: string, error: Error): void {
    const session = this.#sessions.get(nodeId);
    if (!session) return;
    this.#sessions.delete(nodeId);
    for (const listener of session.endListeners.splice(0)) listener(error);
  }

  /** The node is no member any more. */
  forget(nodeId: string, error: Error): void {
    this.#alarms.get(nodeId)?.();
    this.#alarms.delete(nodeId);
    this.close(nodeId, error);
  }

  stop(error: Error): void {
    for (const nodeId of new Set([...this.#sessions.keys(), ...this.#alarms.keys()])) this.forget(nodeId, error);
  }

  #giveUp(nodeId: string): void {
    this.close(nodeId, notFound("node not registered: it was not heard of for too long"));
    this.#onSilent(nodeId);
  }
}
