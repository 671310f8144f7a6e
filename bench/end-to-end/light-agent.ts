/** An agent that speaks the real protocol and runs nothing: of every task it says at once that it is as it is wanted. */
import type { SecureContext } from "node:tls";
import { NodeDescription, TaskState, TaskStatus } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeReport, NodeSessionService } from "../../src/api/generated/tswarm/v1/dispatcher.js";
import { timestampOf } from "../../src/api/time.js";
import { GrpcStream } from "./grpc-stream.js";
import { type SkimmedTask, skim } from "./task-skimmer.js";

/** As tswarm's agent. */
const GATHER_MS = 15;
const LARGEST_BATCH = 1000;
const HEARTBEAT = NodeReport.encode({ report: { $case: "heartbeat", value: {} } }).finish();
const WANTED = NodeReport.encode({ report: { $case: "assignments", value: {} } }).finish();

export interface AgentCounts {
  /** Sessions that stand. */
  sessions: number;
  /** Tasks assigned. */
  tasks: number;
  /** Tasks of which the manager has written down that they run. */
  running: number;
  /** Sessions that ended by themselves. */
  ends: number;
  /** Why, of the last one. */
  reason: string;
}

const plugin = (text: string) => ({ type: text.split("/")[0]!, name: text.split("/")[1]! });

export class LightAgent {
  readonly #hostname: string;
  readonly #counts: AgentCounts;
  #stream: GrpcStream | undefined;
  #stands = false;
  /** What was reported of each task. */
  readonly #reported = new Map<string, TaskState>();
  readonly #written = new Set<string>();
  #waiting = new Map<string, TaskState>();
  #underWay: ReadonlyMap<string, TaskState> | undefined;
  #number = 0;
  #gather: NodeJS.Timeout | undefined;
  #beat: NodeJS.Timeout | undefined;

  constructor(hostname: string, counts: AgentCounts) {
    this.#hostname = hostname;
    this.#counts = counts;
  }

  /** Resolves when the session stands. */
  connect(address: string, secureContext: SecureContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = new GrpcStream(address, NodeSessionService.hold.path, secureContext, {
        message: (bytes) => this.#received(bytes, resolve),
        end: (reason) => {
          this.#over();
          this.#counts.ends++;
          this.#counts.reason = reason;
          reject(new Error(reason));
        },
      });
      this.#stream = stream;
      const description = NodeDescription.fromPartial({
        hostname: this.#hostname,
        platform: { architecture: "x86_64", os: "linux" },
        resources: { nanoCpus: 64e9, memoryBytes: 2 ** 38 },
        engine: { engineVersion: "bench", plugins: ["Network/overlay", "Runtime/process"].map(plugin) },
      });
      stream.send(NodeReport.encode({ report: { $case: "begin", value: { sessionId: "", description } } }).finish());
    });
  }

  close(): void {
    this.#over();
    this.#stream?.close();
  }

  #over(): void {
    clearInterval(this.#beat);
    clearTimeout(this.#gather);
    this.#gather = undefined;
    if (this.#stands) this.#counts.sessions--;
    this.#stands = false;
    for (const [id, state] of this.#underWay ?? []) if (!this.#waiting.has(id)) this.#waiting.set(id, state);
    this.#underWay = undefined;
  }

  #received(bytes: Buffer, stands: () => void): void {
    const order = skim(bytes);
    switch (order.kind) {
      case "session":
        if (this.#stands) return;
        this.#stands = true;
        this.#counts.sessions++;
        this.#stream?.send(WANTED);
        this.#stream?.send(HEARTBEAT);
        stands();
        return;
      case "heartbeat":
        clearInterval(this.#beat);
        this.#beat = setInterval(() => this.#stream?.send(HEARTBEAT), order.periodMs);
        return;
      case "taken":
        this.#taken();
        return;
      case "assignments":
        if (order.isComplete) this.#keepOnly(order.tasks);
        for (const task of order.tasks) this.#obey(task);
        this.#gather ??= setTimeout(() => this.#send(), GATHER_MS);
    }
  }

  #keepOnly(tasks: readonly SkimmedTask[]): void {
    const kept = new Set(tasks.map(({ id }) => id));
    for (const id of [...this.#reported.keys()]) if (!kept.has(id)) this.#forget(id);
  }

  #obey({ id, desiredState, state, isRemoved }: SkimmedTask): void {
    if (isRemoved) {
      this.#forget(id);
      return;
    }
    const known = this.#reported.get(id);
    if (known === undefined) this.#counts.tasks++;
    const wanted =
      desiredState > TaskState.COMPLETE
        ? TaskState.SHUTDOWN
        : desiredState === TaskState.READY
          ? TaskState.READY
          : TaskState.RUNNING;
    this.#reported.set(id, Math.max(wanted, known ?? state));
    if (wanted > (known ?? state)) this.#waiting.set(id, wanted);
  }

  #forget(id: string): void {
    if (this.#reported.delete(id)) this.#counts.tasks--;
    if (this.#written.delete(id)) this.#counts.running--;
    this.#waiting.delete(id);
  }

  #send(): void {
    this.#gather = undefined;
    if (this.#underWay || this.#waiting.size === 0 || !this.#stands) return;
    const batch = new Map([...this.#waiting].slice(0, LARGEST_BATCH));
    for (const id of batch.keys()) this.#waiting.delete(id);
    this.#underWay = batch;
    const timestamp = timestampOf(Date.now());
    const updates = [...batch].map(([taskId, state]) => ({
      taskId,
      status: TaskStatus.fromPartial({ state, timestamp, message: "started" }),
    }));
    this.#number++;
    const value = { number: this.#number, updates };
    this.#stream?.send(NodeReport.encode({ report: { $case: "tasks", value } }).finish());
  }

  #taken(): void {
    for (const [id, state] of this.#underWay ?? []) {
      if (state === TaskState.RUNNING && this.#reported.has(id) && !this.#written.has(id)) {
        this.#written.add(id);
        this.#counts.running++;
      } else if (state > TaskState.RUNNING && this.#written.delete(id)) this.#counts.running--;
    }
    this.#underWay = undefined;
    if (this.#waiting.size > 0) this.#gather ??= setTimeout(() => this.#send(), GATHER_MS);
  }
}
