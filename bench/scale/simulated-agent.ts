/** An agent without a connection: it reads what its manager would send, byte by byte, and says at once that every task is as it is wanted. */
import { NodeDescription, TaskState, TaskStatus } from "../../src/api/generated/docker/swarmkit/v1/types.js";
import type { CallContext } from "../../src/api/server-call.js";
import { timestampOf } from "../../src/api/time.js";
import type { Dispatcher } from "../../src/manager/dispatcher/dispatcher.js";
import type { Seat } from "../../src/manager/dispatcher/seat.js";
import { skim } from "../end-to-end/task-skimmer.js";

/** As tswarm's agent. */
const GATHER_MS = 15;

/** Of all agents. */
export interface TaskCounts {
  /** Tasks that nodes were told of. */
  told: number;
  /** Those of which the manager has written down that they run. */
  running: number;
}

export class SimulatedAgent {
  readonly #dispatcher: Dispatcher;
  readonly #counts: TaskCounts;
  #seat: Seat | undefined;
  readonly #reported = new Map<string, TaskState>();
  #waiting = new Map<string, TaskState>();
  #isReporting = false;
  #gather: NodeJS.Timeout | undefined;

  private constructor(dispatcher: Dispatcher, counts: TaskCounts) {
    this.#dispatcher = dispatcher;
    this.#counts = counts;
  }

  /** Resolves when its session stands. @param context by which the dispatcher knows the node */
  static async begin(
    dispatcher: Dispatcher,
    context: CallContext,
    hostname: string,
    counts: TaskCounts,
  ): Promise<SimulatedAgent> {
    const agent = new SimulatedAgent(dispatcher, counts);
    const description = NodeDescription.fromPartial({
      hostname,
      platform: { architecture: "x86_64", os: "linux" },
      resources: { nanoCpus: 64e9, memoryBytes: 2 ** 38 },
      engine: {
        engineVersion: "bench",
        plugins: [
          { type: "Network", name: "overlay" },
          { type: "Runtime", name: "process" },
        ],
      },
    });
    const seat = await dispatcher.begin(context, description, () => true);
    if (!seat) throw new Error("the dispatcher did not take the session");
    agent.#seat = seat;
    const outlet = { wrapping: "order" as const, blocked: false, send: (bytes: Buffer) => agent.#received(bytes) };
    seat.tellSession(outlet);
    seat.tellAssignments(outlet);
    return agent;
  }

  beat(): void {
    this.#dispatcher.beatRegularly(this.#seat!);
  }

  #received(bytes: Buffer): void {
    const order = skim(bytes);
    if (order.kind !== "assignments") return;
    for (const { id, desiredState, isRemoved } of order.tasks) {
      if (isRemoved) this.#forget(id);
      else this.#obey(id, desiredState);
    }
    if (this.#waiting.size > 0) this.#gather ??= setTimeout(() => void this.#report(), GATHER_MS);
  }

  #obey(id: string, desiredState: TaskState): void {
    const known = this.#reported.get(id);
    const state = desiredState > TaskState.COMPLETE ? TaskState.SHUTDOWN : Math.min(desiredState, TaskState.RUNNING);
    if (known === undefined) this.#counts.told++;
    if (known !== undefined && known >= state) return;
    this.#reported.set(id, state);
    this.#waiting.set(id, state);
  }

  #forget(id: string): void {
    if (this.#reported.get(id) === TaskState.RUNNING && !this.#waiting.has(id)) this.#counts.running--;
    if (this.#reported.delete(id)) this.#counts.told--;
    this.#waiting.delete(id);
  }

  async #report(): Promise<void> {
    this.#gather = undefined;
    if (this.#isReporting) return;
    this.#isReporting = true;
    const batch = this.#waiting;
    this.#waiting = new Map();
    const timestamp = timestampOf(Date.now());
    const reports = [...batch].map(([taskId, state]) => ({
      taskId,
      status: TaskStatus.fromPartial({ state, timestamp, message: "started" }),
    }));
    await this.#dispatcher.report(this.#seat!, reports);
    for (const [id, state] of batch) {
      if (!this.#reported.has(id)) continue;
      if (state === TaskState.RUNNING) this.#counts.running++;
      else if (state > TaskState.RUNNING) this.#counts.running--;
    }
    this.#isReporting = false;
    if (this.#waiting.size > 0) this.#gather ??= setTimeout(() => void this.#report(), GATHER_MS);
  }
}
