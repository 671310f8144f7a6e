/** An agent on tswarm's stream that runs nothing: it says of every task at once that it is as it is wanted. */
import type { ChannelCredentials, Client, ClientDuplexStream, ServiceError } from "@grpc/grpc-js";
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
  type RefusedReport,
} from "../../../src/api/generated/tswarm/v1/dispatcher.js";
import { grpcTarget } from "../../../src/security/transport.js";

type Stream = ClientDuplexStream<NodeReport, NodeOrder>;

export class StreamAgent {
  readonly nodeId: string;
  readonly #credentials: ChannelCredentials;
  #client: Client | undefined;
  stream: Stream | undefined;
  readonly tasks = new Map<string, Task>();
  readonly secrets = new Map<string, Uint8Array>();
  readonly messages: AssignmentsMessage[] = [];
  /** Tasks of which all that the agent knows was written down. */
  readonly refused: RefusedReport[] = [];
  readonly reported = new Map<string, TaskState>();
  sessionId = "";
  /** Periods that the manager gave. */
  readonly periods: number[] = [];
  taken = 0;
  #number = 0;
  /** Reports are under way. */
  #waiting = false;
  /** Why the session ended. */
  ended: ServiceError | undefined;

  constructor(nodeId: string, credentials: ChannelCredentials) {
    this.nodeId = nodeId;
    this.#credentials = credentials;
  }

  /** @param address HOST:PORT @throws ServiceError when the session is refused */
  async start(address: string): Promise<void> {
    this.stop();
    this.ended = undefined;
    this.sessionId = "";
    this.#client = openChannel(grpcTarget(address), this.#credentials, true);
    const { path, requestSerialize, responseDeserialize } = NodeSessionService.hold;
    const stream = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.stream = stream;
    stream.on("data", ({ order }: NodeOrder) => {
      if (stream === this.stream) this.#received(order);
    });
    const begun = new Promise<void>((resolve, reject) => {
      stream.on("error", (error: ServiceError) => {
        if (stream === this.stream) this.ended ??= error;
        reject(error);
      });
      stream.once("data", () => resolve());
    });
    const description = NodeDescription.fromPartial({
      hostname: this.nodeId,
      platform: { architecture: "x86_64", os: "linux" },
      resources: { nanoCpus: 4e9, memoryBytes: 8 * 2 ** 30 },
      engine: {
        plugins: [
          { type: "Runtime", name: "process" },
          { type: "Network", name: "overlay" },
        ],
      },
    });
    this.say({ $case: "begin", value: { sessionId: "", description } });
    await begun;
    this.say({ $case: "assignments", value: {} });
  }

  stop(): void {
    const stream = this.stream;
    this.stream = undefined;
    stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }

  say(report: NodeReport["report"]): void {
    this.stream?.write({ report });
  }

  beat(): void {
    if (this.sessionId !== "") this.say({ $case: "heartbeat", value: {} });
  }

  report(taskId: string, state: TaskState): void {
    this.#number++;
    const status = TaskStatus.fromPartial({ state, timestamp: { seconds: 1 } });
    this.say({ $case: "tasks", value: { number: this.#number, updates: [{ taskId, status }] } });
  }

  #received(order: NodeOrder["order"]): void {
    if (order?.$case === "session") this.sessionId = order.value.sessionId;
    else if (order?.$case === "heartbeat") this.periods.push(order.value.period?.seconds ?? 0);
    else if (order?.$case === "taken") {
      this.taken++;
      this.refused.push(...order.value.refused);
      this.#waiting = false;
      this.#obey();
    } else if (order?.$case === "assignments") this.#assigned(order.value);
  }

  #assigned(message: AssignmentsMessage): void {
    this.messages.push(message);
    if (message.type === Type.COMPLETE) {
      this.tasks.clear();
      this.secrets.clear();
    }
    for (const { action, assignment } of message.changes) {
      const item = assignment?.item;
      const isRemoved = action === Action.REMOVE;
      if (item?.$case === "task") {
        if (isRemoved) this.tasks.delete(item.value.id);
        else this.tasks.set(item.value.id, item.value);
      } else if (item?.$case === "secret") {
        if (isRemoved) this.secrets.delete(item.value.id);
        else this.secrets.set(item.value.id, item.value.spec!.data);
      }
    }
    this.#obey();
  }

  /** All that is new, in one batch; the next one when that is written down. */
  #obey(): void {
    if (this.#waiting) return;
    const updates: { taskId: string; status: TaskStatus }[] = [];
    for (const { id, desiredState, status } of this.tasks.values()) {
      const known = this.reported.get(id) ?? status?.state ?? TaskState.ASSIGNED;
      const wanted =
        desiredState > TaskState.COMPLETE
          ? TaskState.SHUTDOWN
          : desiredState === TaskState.READY
            ? TaskState.READY
            : TaskState.RUNNING;
      if (wanted <= known) continue;
      this.reported.set(id, wanted);
      updates.push({ taskId: id, status: TaskStatus.fromPartial({ state: wanted, timestamp: { seconds: 1 } }) });
    }
    if (updates.length === 0) return;
    this.#waiting = true;
    this.#number++;
    this.say({ $case: "tasks", value: { number: this.#number, updates } });
  }
}
