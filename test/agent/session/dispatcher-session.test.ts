import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Channel, credentials, Server, ServerCredentials, type ServerWritableStream, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DispatcherSession } from "../../../src/agent/session/dispatcher-session.js";
import {
  DISPATCHER_CHANNEL_OPTIONS,
  dispatcherClientOn,
  grpcDispatcher,
} from "../../../src/agent/session/dispatcher-transport.js";
import { describeNode } from "../../../src/agent/session/node-description.js";
import type { Clock } from "../../../src/agent/worker/clock.js";
import {
  AssignmentsMessage as Assignments,
  type AssignmentsMessage,
  AssignmentsMessage_Type,
  type AssignmentsRequest,
  type DispatcherServer,
  DispatcherService,
  SessionMessage as Session,
  type SessionMessage,
  type SessionRequest,
  type UpdateTaskStatusRequest,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import type { Node } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState, TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";

/** Real time, but long pauses are short: the order stays what it was. */
const hastyClock: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  pause: (durationMs, signal) =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, Math.min(durationMs, 20));
      signal?.addEventListener("abort", end);
    }),
};

type Stream<Request, Message> = ServerWritableStream<Request, Message>;

/** A dispatcher on a real gRPC server; what it hears is kept, what it says the test decides. */
class FakeDispatcher {
  readonly sessions: Stream<SessionRequest, SessionMessage>[] = [];
  readonly assignments: Stream<AssignmentsRequest, AssignmentsMessage>[] = [];
  readonly updates: UpdateTaskStatusRequest[] = [];
  readonly address = `unix:${join(tmpdir(), `tswarm-dispatcher-${process.pid}-${randomBytes(4).toString("hex")}`)}`;
  heartbeats = 0;
  invalid = false;
  refusedTask = "";
  nextId = 1;
  readonly #server = new Server();

  async start(): Promise<void> {
    const service: DispatcherServer = {
      session: (call: Stream<SessionRequest, SessionMessage>) => {
        this.sessions.push(call);
        const sessionId = call.request.sessionId || `session${this.nextId++}`;
        call.write(Session.fromPartial({ sessionId, node: { id: "node", description: call.request.description } }));
      },
      assignments: (call: Stream<AssignmentsRequest, AssignmentsMessage>) => {
        this.assignments.push(call);
        const type = AssignmentsMessage_Type.COMPLETE;
        call.write(Assignments.fromPartial({ type, resultsIn: "1" }));
      },
      heartbeat: (_call, callback) => {
        this.heartbeats++;
        if (this.invalid) callback({ code: status.INVALID_ARGUMENT, details: "session invalid" });
        else callback(null, { period: { seconds: 0, nanos: 100_000_000 } });
      },
      updateTaskStatus: (call, callback) => {
        if (call.request.updates.some(({ taskId }) => taskId === this.refusedTask)) {
          callback({ code: status.PERMISSION_DENIED, details: "not this node's task" });
          return;
        }
        this.updates.push(call.request);
        callback(null, {});
      },
      updateVolumeStatus: (_, callback) => callback(null, {}),
      tasks: (call) => call.end(),
    };
    this.#server.addService(DispatcherService, service);
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(this.address, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
  }

  stop(): void {
    this.#server.forceShutdown();
  }

  reported(): Readonly<Record<string, string>> {
    const updates = this.updates.flatMap((request) => request.updates);
    return Object.fromEntries(updates.map((update) => [update.taskId, TaskState[update.status!.state]]));
  }
}

async function makeBed(t: ExecutionContext) {
  const dispatcher = new FakeDispatcher();
  await dispatcher.start();
  const statuses = new Map<string, TaskStatus>();
  const applied: AssignmentsMessage[] = [];
  const nodes: Node[] = [];
  const facts = { hostname: "host", engineVersion: "0.1.0", engineLabels: { zone: "a" }, runtimes: ["process"] };
  const bed = { dispatcher, statuses, applied, nodes, facts, answer: "applied" as "applied" | "resync", streams: 0 };
  const session = new DispatcherSession({
    connect: () => {
      const channel = new Channel(dispatcher.address, credentials.createInsecure(), DISPATCHER_CHANNEL_OPTIONS);
      const client = dispatcherClientOn(channel);
      return grpcDispatcher(client, () => channel.close());
    },
    describe: () => describeNode(bed.facts),
    assignments: {
      streamOpened: () => {
        bed.streams++;
      },
      apply: (message) => {
        applied.push(message);
        return bed.answer;
      },
      statuses: () => statuses,
    },
    onNode: (node) => nodes.push(node),
    log: (line) => t.log(line),
    clock: hastyClock,
  });
  t.teardown(() => {
    session.stop();
    dispatcher.stop();
  });
  return { ...bed, bed, session };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

test("a session registers the node with all that it is, beats and takes assignments", async (t) => {
  const { session, dispatcher, nodes, applied } = await makeBed(t);
  session.start();
  await until(() => nodes.length > 0 && applied.length > 0 && dispatcher.heartbeats >= 3);
  const { description, sessionId } = dispatcher.sessions[0]!.request;
  t.is(sessionId, "");
  t.is(description!.hostname, "host");
  t.is(description!.platform!.os, "linux");
  t.deepEqual(description!.engine, {
    engineVersion: "0.1.0",
    labels: { zone: "a" },
    plugins: [{ type: "Runtime", name: "process" }],
  });
  t.true(description!.resources!.memoryBytes > 0);
  t.is(nodes[0]!.id, "node");
  t.is(dispatcher.assignments[0]!.request.sessionId, "session1");
  t.true(session.registered);
});

test("changes of the node come through while the session stands", async (t) => {
  const { session, dispatcher, nodes } = await makeBed(t);
  session.start();
  await until(() => nodes.length === 1);
  dispatcher.sessions[0]!.write(Session.fromPartial({ sessionId: "session1", node: { id: "node", role: 1 } }));
  await until(() => nodes.length === 2);
  t.is(nodes[1]!.role, 1);
});

test("a new session hears the last status of every task, later ones as they come", async (t) => {
  const { session, dispatcher, statuses } = await makeBed(t);
  statuses.set("old", TaskStatus.fromPartial({ state: TaskState.RUNNING }));
  session.start();
  await until(() => dispatcher.updates.length > 0);
  t.deepEqual(dispatcher.reported(), { old: "RUNNING" });
  for (let index = 0; index < 50; index++) {
    session.report(`t${index}`, TaskStatus.fromPartial({ state: TaskState.READY }));
    session.report(`t${index}`, TaskStatus.fromPartial({ state: TaskState.STARTING }));
  }
  await until(() => Object.keys(dispatcher.reported()).length === 51);
  t.is(dispatcher.reported().t49, "STARTING");
  t.is(dispatcher.updates.length, 2, "one call for all");
});

test("a status that the dispatcher refuses does not hold up the others", async (t) => {
  const { session, dispatcher } = await makeBed(t);
  dispatcher.refusedTask = "foreign";
  session.start();
  await until(() => session.registered);
  for (const id of ["a", "foreign", "b"]) session.report(id, TaskStatus.fromPartial({ state: TaskState.READY }));
  await until(() => Object.keys(dispatcher.reported()).length === 2);
  t.deepEqual(dispatcher.reported(), { a: "READY", b: "READY" });
  t.true(session.registered);
});

test("a broken stream leads to a new session under the old id, an invalid one to a new id", async (t) => {
  const { session, dispatcher, bed } = await makeBed(t);
  session.start();
  await until(() => dispatcher.assignments.length === 1);
  dispatcher.assignments[0]!.emit("error", { code: status.UNAVAILABLE, details: "leader changed" });
  await until(() => dispatcher.sessions.length === 2 && session.registered);
  t.is(dispatcher.sessions[1]!.request.sessionId, "session1");
  dispatcher.invalid = true;
  await until(() => !session.registered);
  dispatcher.invalid = false;
  await until(() => session.registered && dispatcher.sessions.at(-1)!.request.sessionId === "");
  await until(() => bed.streams >= 3);
  t.true(dispatcher.nextId > 2);
});

test("an assignment that does not fit opens the stream anew within the same session", async (t) => {
  const { session, dispatcher, bed } = await makeBed(t);
  session.start();
  await until(() => bed.applied.length === 1);
  bed.answer = "resync";
  dispatcher.assignments[0]!.write(
    Assignments.fromPartial({ type: AssignmentsMessage_Type.INCREMENTAL, appliesTo: "9" }),
  );
  await until(() => bed.applied.length === 2);
  bed.answer = "applied";
  await until(() => dispatcher.assignments.length === 2);
  t.is(dispatcher.sessions.length, 1);
  await until(() => dispatcher.assignments[0]!.cancelled);
});

test("a node that changes opens a new session with what it is now", async (t) => {
  const { session, dispatcher, bed } = await makeBed(t);
  session.start();
  await until(() => session.registered);
  bed.facts = { ...bed.facts, engineLabels: { zone: "b" } };
  await until(() => dispatcher.sessions.length === 2);
  t.deepEqual(dispatcher.sessions[1]!.request.description!.engine!.labels, { zone: "b" });
  t.is(dispatcher.sessions[1]!.request.sessionId, "session1");
});

test("no manager in reach: the session keeps trying and stands as soon as there is one", async (t) => {
  const { session, dispatcher } = await makeBed(t);
  dispatcher.stop();
  const late = new FakeDispatcher();
  Object.assign(late, { address: dispatcher.address });
  session.start();
  await new Promise((resolve) => setImmediate(resolve));
  t.false(session.registered);
  await late.start();
  t.teardown(() => late.stop());
  await until(() => session.registered);
  t.is(late.sessions.length, 1);
});
