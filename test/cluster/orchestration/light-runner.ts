/**
 * A node that speaks the real protocol with its own certificate, and whose tasks are entries of a list: a thousand of them cost nothing. What
 * it is told to start begins a little later, what it is told to stop ends a little later, and it says each only then. It goes from
 * manager to manager like any agent, and tells all that it has when it has found one.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { openChannel } from "../../../src/api/client-call.js";
import {
  AssignmentChange_AssignmentAction as Action,
  type AssignmentsMessage,
  AssignmentsMessage_Type as Type,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { NodeDescription, TaskState, TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import {
  type NodeOrder,
  type NodeReport,
  NodeSessionService,
} from "../../../src/api/generated/tswarm/v1/dispatcher.js";
import { durationMs, timestampOf } from "../../../src/api/time.js";
import { joinCluster } from "../../../src/daemon/identity/join-cluster.js";
import { TlsIdentity } from "../../../src/security/tls/tls-identity.js";
import { grpcTarget } from "../../../src/security/transport.js";
import type { LifeEvent } from "./lives.js";

/** What has come meanwhile is done together, so often. */
const ROUND_MS = 20;
const BREAK_MS = 200;
const FIRST_ANSWER_MS = 5000;

interface Entry {
  task: Task;
  state: TaskState;
  beganAt: number;
  /** The manager has been told of this state, and has written it down. */
  isWritten: boolean;
}

export class LightRunner {
  readonly nodeId: string;
  readonly #name: string;
  readonly #identity: TlsIdentity;
  readonly #addresses: readonly string[];
  readonly #events: LifeEvent[];
  readonly #entries = new Map<string, Entry>();
  #client: Client | undefined;
  #stream: ClientDuplexStream<NodeReport, NodeOrder> | undefined;
  #stands = false;
  #underWay: readonly Entry[] = [];
  #number = 0;
  #beat: NodeJS.Timeout | undefined;
  readonly #round: NodeJS.Timeout;
  #isOver = false;
  /** Sessions that were begun. */
  sessions = 0;

  /** @param events what happens to its tasks is added here */
  static async join(name: string, token: string, addresses: readonly string[], events: LifeEvent[]) {
    const joined = await joinCluster({ token, addresses, availability: 0, random: Math.random, log: () => {} });
    return new LightRunner(name, joined.nodeId, new TlsIdentity(joined.certificate), addresses, events);
  }

  private constructor(
    name: string,
    nodeId: string,
    identity: TlsIdentity,
    addresses: readonly string[],
    events: LifeEvent[],
  ) {
    this.#name = name;
    this.nodeId = nodeId;
    this.#identity = identity;
    this.#addresses = addresses;
    this.#events = events;
    this.#round = setInterval(() => this.#obey(), ROUND_MS);
    void this.#keepSession();
  }

  /** Tasks that run. */
  get running(): readonly Task[] {
    return [...this.#entries.values()].filter(({ state }) => state === TaskState.RUNNING).map(({ task }) => task);
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#round);
    this.#end();
  }

  async #keepSession(): Promise<void> {
    for (let at = 0; !this.#isOver; at++) {
      await this.#session(this.#addresses[at % this.#addresses.length]!);
      await pause(BREAK_MS);
    }
  }

  /** Resolves when the session is over. */
  #session(address: string): Promise<void> {
    return new Promise((resolve) => {
      this.#client = openChannel(grpcTarget(address), this.#identity.channelCredentials(), true);
      const { path, requestSerialize, responseDeserialize } = NodeSessionService.hold;
      const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
      this.#stream = stream;
      const over = () => {
        clearTimeout(patience);
        if (stream === this.#stream) this.#end();
        resolve();
      };
      const patience = setTimeout(over, FIRST_ANSWER_MS);
      stream.once("data", () => {
        clearTimeout(patience);
        if (stream !== this.#stream) return;
        this.#stands = true;
        this.sessions++;
        this.#say({ $case: "assignments", value: {} });
        this.#say({ $case: "heartbeat", value: {} });
      });
      stream.on("data", ({ order }: NodeOrder) => {
        if (stream === this.#stream) this.#received(order);
      });
      stream.on("error", over);
      stream.on("end", over);
      const description = NodeDescription.fromPartial({
        hostname: this.#name,
        platform: { architecture: "x86_64", os: "linux" },
        resources: { nanoCpus: 64e9, memoryBytes: 2 ** 38 },
        engine: { plugins: [{ type: "Runtime", name: "process" }] },
      });
      this.#say({ $case: "begin", value: { sessionId: "", description } });
    });
  }

  #end(): void {
    clearInterval(this.#beat);
    this.#stream?.cancel();
    this.#client?.close();
    this.#stream = undefined;
    this.#client = undefined;
    this.#stands = false;
    // Whether it was written down nobody knows now.
    for (const entry of this.#entries.values()) entry.isWritten = false;
    this.#underWay = [];
  }

  #say(report: NodeReport["report"]): void {
    this.#stream?.write({ report });
  }

  #received(order: NodeOrder["order"]): void {
    if (order?.$case === "heartbeat") {
      clearInterval(this.#beat);
      this.#beat = setInterval(
        () => this.#say({ $case: "heartbeat", value: {} }),
        durationMs(order.value.period, 5000),
      );
    } else if (order?.$case === "taken") {
      this.#underWay = [];
    } else if (order?.$case === "assignments") {
      this.#assigned(order.value);
    }
  }

  #assigned({ type, changes }: AssignmentsMessage): void {
    const named = new Set<string>();
    for (const { action, assignment } of changes) {
      if (assignment?.item?.$case !== "task") continue;
      const task = assignment.item.value;
      const known = this.#entries.get(task.id);
      if (action === Action.REMOVE) {
        if (known) this.#forget(known);
        continue;
      }
      named.add(task.id);
      if (known) known.task = task;
      else this.#entries.set(task.id, { task, state: TaskState.ASSIGNED, beganAt: 0, isWritten: true });
    }
    if (type !== Type.COMPLETE) return;
    for (const entry of this.#entries.values()) if (!named.has(entry.task.id)) this.#forget(entry);
  }

  #forget(entry: Entry): void {
    if (entry.state === TaskState.RUNNING) this.#note("ended", entry);
    this.#entries.delete(entry.task.id);
  }

  #obey(): void {
    for (const entry of this.#entries.values()) {
      const { desiredState } = entry.task;
      if (entry.state > TaskState.RUNNING) continue;
      if (desiredState > TaskState.COMPLETE) {
        if (entry.state === TaskState.RUNNING) this.#note("ended", entry);
        this.#become(entry, TaskState.SHUTDOWN);
      } else if (desiredState >= TaskState.RUNNING && entry.state < TaskState.RUNNING) {
        entry.beganAt = performance.now();
        this.#note("began", entry);
        this.#become(entry, TaskState.RUNNING);
      } else if (entry.state < TaskState.READY) {
        this.#become(entry, TaskState.READY);
      }
    }
    this.#report();
  }

  #become(entry: Entry, state: TaskState): void {
    entry.state = state;
    entry.isWritten = false;
  }

  /** All that is new, in one batch; the next one when that is written down. */
  #report(): void {
    if (this.#underWay.length > 0 || !this.#stands) return;
    const told = [...this.#entries.values()].filter(({ isWritten, state }) => !isWritten && state > TaskState.ASSIGNED);
    if (told.length === 0) return;
    for (const entry of told) entry.isWritten = true;
    this.#underWay = told;
    const timestamp = timestampOf(Date.now());
    const updates = told.map(({ task, state }) => ({
      taskId: task.id,
      status: TaskStatus.fromPartial({ state, timestamp }),
    }));
    this.#say({ $case: "tasks", value: { number: ++this.#number, updates } });
  }

  #note(kind: LifeEvent["kind"], { task, beganAt }: Entry): void {
    const { id, slot, spec } = task;
    const release = String(spec?.forceUpdate ?? "");
    const writtenAt = performance.now();
    this.#events.push({ kind, slot: String(slot), release, taskId: id, node: this.nodeId, beganAt, writtenAt });
  }
}
