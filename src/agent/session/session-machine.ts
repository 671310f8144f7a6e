/**
 * The agent's session with a dispatcher as a pure machine: when to open it, when to beat, what to send, what to do when something
 * breaks. Time comes in with every input; what has to happen goes out as commands, to be carried out in order.
 *
 * An *epoch* numbers the tries. Whatever an earlier try still says is ignored.
 */
import type { SessionMessage } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { TaskStatus } from "../../api/generated/docker/swarmkit/v1/types.js";
import { backOffMs, LONGEST_PAUSE_MS } from "../worker/back-off.js";
import type { SessionFailure } from "./dispatcher-transport.js";
import { type StatusBatch, StatusQueue } from "./status-queue.js";

export type SessionInput =
  | { readonly kind: "start" }
  | { readonly kind: "stop" }
  | { readonly kind: "message"; readonly epoch: number; readonly message: SessionMessage }
  | { readonly kind: "heartbeatAnswered"; readonly epoch: number; readonly periodMs: number }
  /** A stream ended or a call failed. */
  | {
      readonly kind: "broken";
      readonly epoch: number;
      readonly reason: string;
      /** The dispatcher does not know the session's id: the next one begins without it. */
      readonly sessionInvalid: boolean;
      /** Nothing was heard of the manager. */
      readonly silent?: boolean;
    }
  /** An assignment message did not follow the one before. */
  | { readonly kind: "resync"; readonly epoch: number }
  /** The node is not any more what it was when the session was opened. */
  | { readonly kind: "descriptionChanged" }
  | { readonly kind: "status"; readonly taskId: string; readonly status: TaskStatus }
  | { readonly kind: "statusesTaken"; readonly epoch: number }
  /** The dispatcher refused what was sent, and would again. */
  | { readonly kind: "statusesRefused"; readonly epoch: number; readonly reason: string }
  /** Time passed. */
  | { readonly kind: "tick" };

export type SessionCommand =
  | { readonly kind: "open"; readonly epoch: number; readonly sessionId: string }
  /** Ends every stream and call of an epoch. With a failure: the next try had better go to another manager. */
  | { readonly kind: "close"; readonly epoch: number; readonly failure?: SessionFailure }
  /** Opens the stream of assignments, in place of the one that may be open. */
  | { readonly kind: "assignments"; readonly epoch: number; readonly sessionId: string }
  | { readonly kind: "heartbeat"; readonly epoch: number; readonly sessionId: string; readonly timeoutMs: number }
  | { readonly kind: "send"; readonly epoch: number; readonly sessionId: string; readonly batch: StatusBatch }
  /** The dispatcher knows the node: it should hear the last status of every task. */
  | { readonly kind: "registered"; readonly sessionId: string }
  | { readonly kind: "lost" }
  /** What the dispatcher says of the node, the managers, the keys. */
  | { readonly kind: "deliver"; readonly message: SessionMessage }
  | { readonly kind: "log"; readonly line: string };

type Phase =
  | { readonly kind: "idle" }
  | { readonly kind: "pausing"; readonly untilMs: number }
  | { readonly kind: "opening"; readonly deadlineMs: number }
  | {
      readonly kind: "registered";
      readonly sinceMs: number;
      /** Undefined while one is under way. */
      readonly heartbeatAtMs: number | undefined;
      readonly resyncedAtMs: number | undefined;
      /** When the dispatcher is told what the node has become; undefined while it knows. */
      readonly describeAtMs: number | undefined;
    };

export const RPC_TIMEOUT_MS = 5000;
/** So long a new leader is looked for with short pauses and short patience: it takes a second or two to be elected. */
const HASTE_MS = 10_000;
const HASTY_PAUSE_MS = 1000;
const HASTY_ANSWER_MS = 2000;
/** A session that stood so long was a good one: the next failure is the first again. */
const STABLE_MS = 8000;
/** Streams that lose messages again so soon do not come right by themselves. */
const RESYNC_AGAIN_MS = 1000;
const LEAST_PERIOD_MS = 100;
/** Each new description takes a session of its own, and a dispatcher takes three of a node within 8 s; others may break meanwhile. */
const DESCRIBE_GAP_MS = 4000;

export class SessionMachine {
  readonly #random: () => number;
  readonly #statuses: StatusQueue;
  #phase: Phase = { kind: "idle" };
  #epoch = 0;
  #sessionId = "";
  #failures = 0;
  /** Since when there is no session. */
  #withoutSinceMs = 0;
  #periodMs = RPC_TIMEOUT_MS;
  /** When a session was begun for the node's description alone. */
  #describedAtMs = Number.NEGATIVE_INFINITY;

  constructor(random: () => number) {
    this.#random = random;
    this.#statuses = new StatusQueue();
  }

  get registered(): boolean {
    return this.#phase.kind === "registered";
  }

  /** When to give the next "tick"; undefined when only an event can lead on. */
  get wakeAtMs(): number | undefined {
    const phase = this.#phase;
    if (phase.kind === "pausing") return phase.untilMs;
    if (phase.kind === "opening") return phase.deadlineMs;
    if (phase.kind !== "registered") return undefined;
    return earliest(phase.describeAtMs, earliest(phase.heartbeatAtMs, this.#statuses.sendAtMs));
  }

  step(nowMs: number, input: SessionInput): readonly SessionCommand[] {
    if ("epoch" in input && input.epoch !== this.#epoch) return [];
    switch (input.kind) {
      case "start":
        if (this.#phase.kind !== "idle") return [];
        this.#withoutSinceMs = nowMs;
        return this.#open(nowMs);
      case "stop":
        return this.#stop();
      case "message":
        return this.#received(nowMs, input.message);
      case "heartbeatAnswered":
        return this.#heartbeatAnswered(nowMs, input.periodMs);
      case "broken":
        if (input.sessionInvalid) this.#sessionId = "";
        return this.#broken(nowMs, input.reason, input.silent ?? false);
      case "resync":
        return this.#resync(nowMs);
      case "descriptionChanged":
        return this.#descriptionChanged(nowMs);
      case "status":
        this.#statuses.put(nowMs, input.taskId, input.status);
        return [];
      case "statusesTaken":
        this.#statuses.taken();
        return this.#tick(nowMs);
      case "statusesRefused":
        return [...this.#statuses.refused(input.reason).map(logCommand), ...this.#tick(nowMs)];
      case "tick":
        return this.#tick(nowMs);
    }
  }

  #open(nowMs: number): readonly SessionCommand[] {
    this.#epoch++;
    this.#phase = { kind: "opening", deadlineMs: nowMs + (this.#isHasty(nowMs) ? HASTY_ANSWER_MS : RPC_TIMEOUT_MS) };
    return [{ kind: "open", epoch: this.#epoch, sessionId: this.#sessionId }];
  }

  /** Statuses under way may or may not have arrived: they count as unsent. */
  #close(failure?: SessionFailure): readonly SessionCommand[] {
    this.#statuses.returned();
    const lost: readonly SessionCommand[] = this.registered ? [{ kind: "lost" }] : [];
    return [{ kind: "close", epoch: this.#epoch, ...(failure ? { failure } : {}) }, ...lost];
  }

  #isHasty(nowMs: number): boolean {
    return nowMs - this.#withoutSinceMs < HASTE_MS;
  }

  #stop(): readonly SessionCommand[] {
    const commands = this.#phase.kind === "opening" || this.registered ? this.#close() : [];
    this.#phase = { kind: "idle" };
    this.#epoch++;
    return commands;
  }

  #received(nowMs: number, message: SessionMessage): readonly SessionCommand[] {
    const deliver: SessionCommand = { kind: "deliver", message };
    if (this.#phase.kind === "registered") return [deliver];
    if (this.#phase.kind !== "opening") return [];
    if (message.sessionId === "") return this.#broken(nowMs, "the dispatcher gave no session id");
    this.#sessionId = message.sessionId;
    this.#phase = {
      kind: "registered",
      sinceMs: nowMs,
      heartbeatAtMs: nowMs,
      resyncedAtMs: undefined,
      describeAtMs: undefined,
    };
    return [
      { kind: "registered", sessionId: this.#sessionId },
      deliver,
      { kind: "assignments", epoch: this.#epoch, sessionId: this.#sessionId },
      ...this.#tick(nowMs),
    ];
  }

  #heartbeatAnswered(nowMs: number, periodMs: number): readonly SessionCommand[] {
    if (this.#phase.kind !== "registered") return [];
    // SwarmKit's dispatcher may say 0 for "no opinion".
    if (periodMs > 0) this.#periodMs = Math.max(periodMs, LEAST_PERIOD_MS);
    this.#phase = { ...this.#phase, heartbeatAtMs: nowMs + this.#periodMs };
    return [];
  }

  #broken(nowMs: number, reason: string, silent = false): readonly SessionCommand[] {
    if (this.#phase.kind === "idle" || this.#phase.kind === "pausing") return [];
    if (this.#phase.kind === "registered") {
      this.#withoutSinceMs = nowMs;
      if (nowMs - this.#phase.sinceMs >= STABLE_MS) this.#failures = 0;
    }
    const longestMs = this.#isHasty(nowMs) ? HASTY_PAUSE_MS : LONGEST_PAUSE_MS;
    const pauseMs = backOffMs(this.#failures++, this.#random(), longestMs);
    const commands = this.#close({ silent });
    this.#phase = { kind: "pausing", untilMs: nowMs + pauseMs };
    const line = `session with the dispatcher ended: ${reason}; next try in ${Math.round(pauseMs)} ms`;
    return [...commands, { kind: "log", line }];
  }

  /** Changes that follow each other closely, as when the cluster's root changes, are told together. */
  #descriptionChanged(nowMs: number): readonly SessionCommand[] {
    if (this.#phase.kind !== "registered") return [];
    const atMs = this.#describedAtMs + DESCRIBE_GAP_MS;
    if (nowMs < atMs) {
      this.#phase = { ...this.#phase, describeAtMs: atMs };
      return [];
    }
    this.#describedAtMs = nowMs;
    return [...this.#close(), ...this.#open(nowMs)];
  }

  #resync(nowMs: number): readonly SessionCommand[] {
    if (this.#phase.kind !== "registered") return [];
    const { resyncedAtMs } = this.#phase;
    if (resyncedAtMs !== undefined && nowMs - resyncedAtMs < RESYNC_AGAIN_MS) {
      return this.#broken(nowMs, "assignments were lost again and again");
    }
    this.#phase = { ...this.#phase, resyncedAtMs: nowMs };
    return [
      { kind: "log", line: "an assignment was lost: all are asked for anew" },
      { kind: "assignments", epoch: this.#epoch, sessionId: this.#sessionId },
    ];
  }

  #tick(nowMs: number): readonly SessionCommand[] {
    switch (this.#phase.kind) {
      case "idle":
        return [];
      case "pausing":
        return nowMs >= this.#phase.untilMs ? this.#open(nowMs) : [];
      case "opening":
        return nowMs >= this.#phase.deadlineMs
          ? this.#broken(nowMs, "the dispatcher did not answer in time", true)
          : [];
      case "registered":
        if (nowMs >= (this.#phase.describeAtMs ?? Number.POSITIVE_INFINITY)) return this.#descriptionChanged(nowMs);
        return [...this.#heartbeat(nowMs), ...this.#send(nowMs)];
    }
  }

  #heartbeat(nowMs: number): readonly SessionCommand[] {
    if (this.#phase.kind !== "registered") return [];
    if (this.#phase.heartbeatAtMs === undefined || nowMs < this.#phase.heartbeatAtMs) return [];
    this.#phase = { ...this.#phase, heartbeatAtMs: undefined };
    const timeoutMs = Math.max(this.#periodMs, LEAST_PERIOD_MS);
    return [{ kind: "heartbeat", epoch: this.#epoch, sessionId: this.#sessionId, timeoutMs }];
  }

  #send(nowMs: number): readonly SessionCommand[] {
    const batch = this.#statuses.take(nowMs);
    return batch ? [{ kind: "send", epoch: this.#epoch, sessionId: this.#sessionId, batch }] : [];
  }
}

function logCommand(line: string): SessionCommand {
  return { kind: "log", line };
}

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}
