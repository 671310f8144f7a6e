/** An agent that speaks the real protocol and runs nothing: it says of every task that it runs. */
import type { ChannelCredentials, Client, ClientReadableStream } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../../src/api/client-call.js";
import {
  AssignmentChange_AssignmentAction as Action,
  type AssignmentsMessage,
  AssignmentsMessage_Type,
  DispatcherService,
  type SessionMessage,
} from "../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Node, Task } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  NodeDescription,
  TaskState,
  TaskStatus,
  type WeightedPeer,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";

const TIMEOUT_MS = 60_000;

export class FakeAgent {
  readonly nodeId: string;
  readonly #client: Client;
  readonly #hostname: string;
  readonly #streams: ClientReadableStream<unknown>[] = [];
  readonly tasks = new Map<string, Task>();
  readonly reported = new Map<string, TaskState>();
  readonly messages: AssignmentsMessage[] = [];
  node: Node | undefined;
  managers: readonly WeightedPeer[] = [];
  sessionId = "";
  /** Why the session ended. */
  ended: Error | undefined;
  /** What a task that is to run comes to. */
  outcome: (task: Task) => TaskState = () => TaskState.RUNNING;
  /** What else it says of itself. */
  more: Parameters<typeof NodeDescription.fromPartial>[0] = {};

  /**
   * @param address the manager's socket or HOST:PORT
   * @param credentials prove who it is; over the socket nothing is to be proven
   */
  constructor(
    address: string,
    nodeId: string,
    hostname: string,
    credentials: ChannelCredentials = trustingCredentials(),
  ) {
    this.nodeId = nodeId;
    this.#hostname = hostname;
    this.#client = openChannel(grpcTarget(address), credentials, true);
  }

  async start(): Promise<void> {
    const description = NodeDescription.fromPartial({
      hostname: this.#hostname,
      platform: { architecture: "x86_64", os: "linux" },
      resources: { nanoCpus: 4e9, memoryBytes: 8 * 2 ** 30 },
      ...this.more,
    });
    const { session, assignments } = DispatcherService;
    const stream = this.#client.makeServerStreamRequest(
      session.path,
      session.requestSerialize,
      session.responseDeserialize,
      { description, sessionId: "" },
    );
    this.#streams.push(stream);
    stream.on("error", (error: Error) => {
      this.ended ??= error;
    });
    await new Promise<void>((resolve, reject) => {
      stream.on("data", (message: SessionMessage) => {
        this.node = message.node;
        this.managers = message.managers;
        this.sessionId = message.sessionId;
        resolve();
      });
      stream.once("error", reject);
    });
    const feed = this.#client.makeServerStreamRequest(
      assignments.path,
      assignments.requestSerialize,
      assignments.responseDeserialize,
      { sessionId: this.sessionId },
    );
    this.#streams.push(feed);
    feed.on("error", () => this.tasks.clear());
    feed.on("data", (message: AssignmentsMessage) => this.#assign(message));
  }

  async heartbeat(): Promise<number> {
    const { period } = await this.#call(DispatcherService.heartbeat, { sessionId: this.sessionId });
    return period?.seconds ?? 0;
  }

  async report(taskId: string, state: TaskState, err = ""): Promise<void> {
    this.reported.set(taskId, state);
    const status = TaskStatus.fromPartial({ state, err, message: TaskState[state], timestamp: { seconds: 1 } });
    await this.#call(DispatcherService.updateTaskStatus, { sessionId: this.sessionId, updates: [{ taskId, status }] });
  }

  stop(): void {
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
  }

  #assign(message: AssignmentsMessage): void {
    this.messages.push(message);
    if (message.type === AssignmentsMessage_Type.COMPLETE) this.tasks.clear();
    for (const { action, assignment } of message.changes) {
      if (assignment?.item?.$case !== "task") continue;
      const task = assignment.item.value;
      if (action === Action.REMOVE) {
        this.tasks.delete(task.id);
        continue;
      }
      this.tasks.set(task.id, task);
      this.#obey(task);
    }
  }

  #obey(task: Task): void {
    const known = this.reported.get(task.id) ?? TaskState.ASSIGNED;
    if (known > TaskState.RUNNING) return;
    const wanted =
      task.desiredState > TaskState.COMPLETE
        ? TaskState.SHUTDOWN
        : task.desiredState === TaskState.READY
          ? TaskState.READY
          : this.outcome(task);
    // A manager that stops in the middle of a test answers no more.
    if (known !== wanted) this.report(task.id, wanted).catch((error: Error) => (this.ended ??= error));
  }

  #call<Request, Response>(method: Parameters<typeof callUnary<Request, Response>>[1], request: Request) {
    return callUnary(this.#client, method, request, { timeoutMs: TIMEOUT_MS });
  }
}
