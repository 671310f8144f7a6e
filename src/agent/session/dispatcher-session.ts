/** Holds the session with a dispatcher: carries out what the machine says, tells it what came of it. */
import type { AssignmentsMessage, SessionMessage } from "../../api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type EncryptionKey,
  NodeDescription,
  type TaskStatus,
  type WeightedPeer,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Clock, systemClock } from "../worker/clock.js";
import {
  DispatcherError,
  type DispatcherStream,
  type DispatcherTransport,
  type SessionFailure,
} from "./dispatcher-transport.js";
import { RPC_TIMEOUT_MS, type SessionCommand, type SessionInput, SessionMachine } from "./session-machine.js";
import type { StatusBatch } from "./status-queue.js";

/** What takes the assignments; the worker is one. */
export interface AssignmentTaker {
  streamOpened(): void;
  apply(message: AssignmentsMessage): "applied" | "resync";
  /** The last status of every task. */
  statuses(): ReadonlyMap<string, TaskStatus>;
}

export interface DispatcherSessionOptions {
  /** A way to some manager; called for each try. @throws when none is known */
  readonly connect: () => DispatcherTransport;
  readonly describe: () => NodeDescription;
  readonly assignments: AssignmentTaker;
  /** The node as the managers see it: role, availability, network attachments. */
  readonly onNode: (node: Node) => void;
  readonly onManagers?: (managers: readonly WeightedPeer[]) => void;
  readonly onNetworkKeys?: (keys: readonly EncryptionKey[]) => void;
  readonly onRootCa?: (certificates: Uint8Array) => void;
  /** The session stands, or does not any more. */
  readonly onRegistered?: (registered: boolean) => void;
  /** Why a session ended, or did not come to be. */
  readonly onBroken?: (reason: string) => void;
  readonly log: (line: string) => void;
  readonly random?: () => number;
  readonly clock?: Clock;
}

/** One for all: an error each time costs more than the alarm. */
const SET_ANEW = new Error("the alarm is set to another time");
const UNKNOWN_FAILURE = { sessionInvalid: false, silent: false };
/** The node may be given a new label, more memory, another driver while it runs. */
const DESCRIBE_EVERY_MS = 20_000;

interface OpenSession {
  readonly epoch: number;
  readonly transport: DispatcherTransport;
  stream: DispatcherStream | undefined;
  assignments: DispatcherStream | undefined;
}

export class DispatcherSession {
  readonly #options: DispatcherSessionOptions;
  readonly #clock: Clock;
  readonly #machine: SessionMachine;
  #open: OpenSession | undefined;
  #announced: Uint8Array | undefined;
  #alarm = new AbortController();
  /** What the alarm is set to. */
  #alarmAtMs: number | undefined;
  #describing = new AbortController();

  constructor(options: DispatcherSessionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#machine = new SessionMachine(options.random ?? Math.random);
  }

  get registered(): boolean {
    return this.#machine.registered;
  }

  start(): void {
    this.#step({ kind: "start" });
    void this.#describeNowAndThen();
  }

  stop(): void {
    this.#describing.abort();
    this.#step({ kind: "stop" });
    this.#alarm.abort();
  }

  /** What the node says of itself may have changed: it is looked at now. */
  describeAnew(): void {
    if (!this.#announced) return;
    const now = NodeDescription.encode(this.#options.describe()).finish();
    if (!Buffer.from(now).equals(this.#announced)) this.#step({ kind: "descriptionChanged" });
  }

  /** Tells the dispatcher the status of a task, soon and together with others; the newest one of a task counts. */
  report(taskId: string, status: TaskStatus): void {
    this.#step({ kind: "status", taskId, status });
  }

  #step(input: SessionInput): void {
    for (const command of this.#machine.step(this.#clock.steady(), input)) this.#carryOut(command);
    void this.#setAlarm();
  }

  async #setAlarm(): Promise<void> {
    const { wakeAtMs } = this.#machine;
    if (wakeAtMs === this.#alarmAtMs) return;
    this.#alarmAtMs = wakeAtMs;
    this.#alarm.abort(SET_ANEW);
    if (wakeAtMs === undefined) return;
    const alarm = new AbortController();
    this.#alarm = alarm;
    await this.#clock.pause(Math.max(0, wakeAtMs - this.#clock.steady()), alarm.signal);
    if (alarm.signal.aborted) return;
    this.#alarmAtMs = undefined;
    this.#step({ kind: "tick" });
  }

  #carryOut(command: SessionCommand): void {
    const { assignments, log, onRegistered } = this.#options;
    switch (command.kind) {
      case "open":
        this.#openSession(command.epoch, command.sessionId);
        break;
      case "close":
        this.#closeSession(command.failure);
        break;
      case "assignments":
        this.#openAssignments(command.sessionId);
        break;
      case "heartbeat":
        void this.#heartbeat(command.sessionId, command.timeoutMs);
        break;
      case "send":
        void this.#send(command.sessionId, command.batch);
        break;
      case "registered":
        log(`session ${command.sessionId} with the dispatcher stands`);
        for (const [taskId, status] of assignments.statuses()) {
          this.#machine.step(this.#clock.steady(), { kind: "status", taskId, status });
        }
        onRegistered?.(true);
        // What changed while the session was being opened.
        queueMicrotask(() => this.describeAnew());
        break;
      case "lost":
        onRegistered?.(false);
        break;
      case "deliver":
        this.#deliver(command.message);
        break;
      case "log":
        log(command.line);
        break;
    }
  }

  #openSession(epoch: number, sessionId: string): void {
    const description = this.#options.describe();
    this.#announced = NodeDescription.encode(description).finish();
    let transport: DispatcherTransport;
    try {
      transport = this.#options.connect();
    } catch (error) {
      const { message } = error as Error;
      queueMicrotask(() => this.#step({ kind: "broken", epoch, reason: message, sessionInvalid: false }));
      return;
    }
    const open: OpenSession = { epoch, transport, stream: undefined, assignments: undefined };
    this.#open = open;
    open.stream = transport.session(sessionId, description, {
      message: (message) => this.#step({ kind: "message", epoch, message }),
      end: (error) => this.#broken(epoch, error),
    });
  }

  #closeSession(failure: SessionFailure | undefined): void {
    const open = this.#open;
    this.#open = undefined;
    open?.stream?.cancel();
    open?.assignments?.cancel();
    open?.transport.close(failure);
  }

  #openAssignments(sessionId: string): void {
    const open = this.#open;
    if (!open) return;
    open.assignments?.cancel();
    this.#options.assignments.streamOpened();
    open.assignments = open.transport.assignments(sessionId, {
      message: (message) => {
        const result = this.#options.assignments.apply(message);
        if (result === "resync") this.#step({ kind: "resync", epoch: open.epoch });
      },
      end: (error) => this.#broken(open.epoch, error),
    });
  }

  async #heartbeat(sessionId: string, timeoutMs: number): Promise<void> {
    const open = this.#open;
    if (!open) return;
    try {
      const { periodMs } = await open.transport.heartbeat(sessionId, timeoutMs);
      this.#step({ kind: "heartbeatAnswered", epoch: open.epoch, periodMs });
    } catch (error) {
      this.#broken(open.epoch, error);
    }
  }

  async #send(sessionId: string, batch: StatusBatch): Promise<void> {
    const open = this.#open;
    if (!open) return;
    const { epoch } = open;
    try {
      const refused = await open.transport.updateTaskStatus(sessionId, batch, RPC_TIMEOUT_MS);
      for (const { taskId, reason } of refused) {
        this.#options.log(`the dispatcher refuses the status of task ${taskId}: ${reason}`);
      }
      this.#step({ kind: "statusesTaken", epoch });
    } catch (error) {
      if (error instanceof DispatcherError && error.refused) {
        this.#step({ kind: "statusesRefused", epoch, reason: error.message });
      } else {
        this.#broken(epoch, error);
      }
    }
  }

  #broken(epoch: number, error: unknown): void {
    this.#options.onBroken?.((error as Error).message);
    const { sessionInvalid, silent } = error instanceof DispatcherError ? error : UNKNOWN_FAILURE;
    this.#step({ kind: "broken", epoch, reason: (error as Error).message, sessionInvalid, silent });
  }

  /** Empty lists mean "nothing new" in the messages that follow the first. */
  #deliver(message: SessionMessage): void {
    const { onNode, onManagers, onNetworkKeys, onRootCa } = this.#options;
    if (message.node) onNode(message.node);
    if (message.managers.length > 0) onManagers?.(message.managers);
    if (message.networkBootstrapKeys.length > 0) onNetworkKeys?.(message.networkBootstrapKeys);
    if (message.RootCA.length > 0) onRootCa?.(message.RootCA);
  }

  async #describeNowAndThen(): Promise<void> {
    const { signal } = this.#describing;
    while (!signal.aborted) {
      await this.#clock.pause(DESCRIBE_EVERY_MS, signal);
      if (!signal.aborted) this.describeAnew();
    }
  }
}
