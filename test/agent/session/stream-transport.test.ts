import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Channel, credentials, Server, ServerCredentials, type ServerDuplexStream, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import {
  type DispatcherError,
  type DispatcherTransport,
  dispatcherClientOn,
  grpcDispatcher,
} from "../../../src/agent/session/dispatcher-transport.js";
import { streamTransport } from "../../../src/agent/session/stream-transport.js";
import {
  type AssignmentsMessage,
  DispatcherService,
  type SessionMessage,
  AssignmentsMessage_Type as Type,
} from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { NodeDescription, TaskState, TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeOrder, type NodeReport, NodeSessionService } from "../../../src/api/generated/tswarm/v1/dispatcher.js";

type Stream = ServerDuplexStream<NodeReport, NodeOrder>;

/** A manager that says what the test has it say, and keeps what it hears. */
async function makeBed(t: ExecutionContext, knowsStream: boolean) {
  const server = new Server();
  const heard: NodeReport["report"][] = [];
  const calls: string[] = [];
  let stream: Stream | undefined;
  if (knowsStream) {
    server.addService(NodeSessionService, {
      hold: (call: Stream) => {
        stream = call;
        call.on("data", ({ report }: NodeReport) => heard.push(report));
      },
    });
  }
  server.addService(DispatcherService, {
    session: (call: { write(message: object): void; request: { sessionId: string } }) => {
      calls.push("session");
      call.write({ sessionId: "by-calls", managers: [], networkBootstrapKeys: [], RootCA: Buffer.alloc(0) });
    },
    assignments: () => calls.push("assignments"),
    heartbeat: (_call: unknown, callback: (error: null, answer: object) => void) => {
      calls.push("heartbeat");
      callback(null, { period: { seconds: 7, nanos: 0 } });
    },
    updateTaskStatus: (_call: unknown, callback: (error: null, answer: object) => void) => {
      calls.push("statuses");
      callback(null, {});
    },
  });
  const address = `unix:${join(tmpdir(), `tswarm-stream-${process.pid}-${randomBytes(4).toString("hex")}`)}`;
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  const channel = new Channel(address, credentials.createInsecure(), {});
  const client = dispatcherClientOn(channel);
  let unknown = 0;
  let closed = 0;
  const close = () => closed++;
  const transport: DispatcherTransport = streamTransport(client, grpcDispatcher(client, close), () => unknown++);
  t.teardown(() => {
    transport.close();
    channel.close();
    server.forceShutdown();
  });
  const sessions: SessionMessage[] = [];
  const ends: DispatcherError[] = [];
  const session = transport.session("earlier", NodeDescription.fromPartial({ hostname: "host" }), {
    message: (message) => sessions.push(message),
    end: (error) => ends.push(error),
  });
  return {
    transport,
    session,
    sessions,
    ends,
    heard,
    calls,
    say: (order: NodeOrder["order"]) => stream!.write(NodeOrder.fromPartial({ order } as never)),
    fail: (code: status, details: string) => stream!.emit("error", { code, details }),
    unknown: () => unknown,
    closed: () => closed,
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const TIMEOUT_MS = 5000;
const assignments = (type: Type, resultsIn: string): NodeOrder["order"] => ({
  $case: "assignments",
  value: { type, appliesTo: "", resultsIn, changes: [] },
});
const sessionOrder: NodeOrder["order"] = {
  $case: "session",
  value: {
    sessionId: "s1",
    node: undefined,
    managers: [],
    networkBootstrapKeys: [],
    RootCA: Buffer.alloc(0),
  },
};

test("session, heartbeats, statuses and assignments travel on one stream", async (t) => {
  const bed = await makeBed(t, true);
  const { transport, heard } = bed;
  await until(() => heard.length === 1);
  t.like(heard[0], { $case: "begin", value: { sessionId: "earlier", description: { hostname: "host" } } });
  bed.say(sessionOrder);
  await until(() => bed.sessions.length === 1);
  t.is(bed.sessions[0]!.sessionId, "s1");
  const beat = transport.heartbeat("s1", TIMEOUT_MS);
  await until(() => heard.length === 2);
  t.is(heard[1]?.$case, "heartbeat");
  bed.say({ $case: "heartbeat", value: { period: { seconds: 4, nanos: 500_000_000 } } });
  t.deepEqual(await beat, { periodMs: 4500 });
  t.deepEqual(await transport.heartbeat("s1", TIMEOUT_MS), { periodMs: 4500 }, "is not waited for");
  await until(() => heard.length === 3);
  t.is(heard[2]?.$case, "heartbeat");
  const updates = [{ taskId: "a", status: TaskStatus.fromPartial({ state: TaskState.RUNNING }) }];
  const refused = [{ taskId: "a", reason: "not yours" }];
  const sent = transport.updateTaskStatus("s1", updates, TIMEOUT_MS);
  await until(() => heard.length === 4);
  t.like(heard[3], { $case: "tasks", value: { number: 1, updates: [{ taskId: "a" }] } });
  bed.say({ $case: "taken", value: { number: 7, refused: [] } });
  bed.say({ $case: "taken", value: { number: 1, refused } });
  t.deepEqual(await sent, refused);
  t.deepEqual(bed.calls, []);
});

test("after all assignments are asked for anew, nothing of the chain before counts", async (t) => {
  const bed = await makeBed(t, true);
  await until(() => bed.heard.length === 1);
  bed.say(sessionOrder);
  const got: string[] = [];
  const handlers = {
    message: ({ resultsIn }: AssignmentsMessage) => got.push(resultsIn),
    end: () => t.fail(),
  };
  const first = bed.transport.assignments("s1", handlers);
  await until(() => bed.heard.length === 2);
  bed.say(assignments(Type.COMPLETE, "1"));
  bed.say(assignments(Type.INCREMENTAL, "2"));
  await until(() => got.length === 2);
  first.cancel();
  bed.transport.assignments("s1", handlers);
  await until(() => bed.heard.length === 3);
  bed.say(assignments(Type.INCREMENTAL, "3"));
  bed.say(assignments(Type.COMPLETE, "again 1"));
  await until(() => got.length === 3);
  t.deepEqual(got, ["1", "2", "again 1"]);
});

test("a stream that ends takes everything with it that waits for an answer", async (t) => {
  const bed = await makeBed(t, true);
  await until(() => bed.heard.length === 1);
  bed.say(sessionOrder);
  const beat = bed.transport.heartbeat("s1", TIMEOUT_MS);
  const sent = bed.transport.updateTaskStatus("s1", [], TIMEOUT_MS);
  await until(() => bed.heard.length === 3);
  bed.fail(status.NOT_FOUND, "node not registered: it was not heard of for too long");
  t.true((await t.throwsAsync<DispatcherError>(beat)).sessionInvalid);
  await t.throwsAsync(sent);
  await until(() => bed.ends.length === 1);
  t.true(bed.ends[0]!.sessionInvalid);
});

test("a manager that does not know the stream is spoken with by SwarmKit's calls", async (t) => {
  const bed = await makeBed(t, false);
  await until(() => bed.sessions.length === 1);
  t.is(bed.sessions[0]!.sessionId, "by-calls");
  t.is(bed.unknown(), 1);
  bed.transport.assignments("by-calls", { message: () => {}, end: () => {} });
  t.deepEqual(await bed.transport.heartbeat("by-calls", TIMEOUT_MS), { periodMs: 7000 });
  t.deepEqual(await bed.transport.updateTaskStatus("by-calls", [], TIMEOUT_MS), []);
  await until(() => bed.calls.includes("assignments"));
  t.deepEqual([...bed.calls].sort(), ["assignments", "heartbeat", "session", "statuses"]);
  bed.session.cancel();
  bed.transport.close();
  t.is(bed.closed(), 1);
  t.deepEqual(bed.ends, []);
});
