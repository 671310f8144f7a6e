/** The listener against a real gRPC server that is a manager as far as it goes. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, credentials, Server, ServerCredentials, type ServerReadableStream } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { LogListener } from "../../../src/agent/logs/log-listener.js";
import { OutputRecorder } from "../../../src/agent/logs/output-recorder.js";
import type { Clock } from "../../../src/agent/worker/clock.js";
import {
  type ListenSubscriptionsRequest,
  LogBrokerService,
  type PublishLogsMessage,
  type PublishLogsResponse,
  SubscriptionMessage,
} from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { partialService } from "../../../src/api/partial-service.js";
import { type ResponseStream, serverStream } from "../../../src/api/server-call.js";
import { unavailable } from "../../../src/api/status-error.js";

const PATIENCE_MS = 60_000;

class FakeManager {
  /** Each stream on which the node listened. */
  readonly listening: ResponseStream<SubscriptionMessage>[] = [];
  /** Each stream on which it published: what came, and whether it ended well, badly, or not yet. */
  readonly published: { readonly lines: string[]; id: string; end: "open" | "closed" | "cut" }[] = [];
  readonly #server = new Server();
  address = "";

  async start(t: ExecutionContext): Promise<this> {
    const handlers = {
      listenSubscriptions: serverStream<ListenSubscriptionsRequest, SubscriptionMessage>(
        (_request, stream) => void this.listening.push(stream),
        (text) => t.fail(text),
      ),
      publishLogs: (
        call: ServerReadableStream<PublishLogsMessage, PublishLogsResponse>,
        answer: (error: null, response: PublishLogsResponse) => void,
      ) => {
        const one: FakeManager["published"][number] = { lines: [], id: "", end: "open" };
        this.published.push(one);
        call.on("data", ({ subscriptionId, messages, close }: PublishLogsMessage) => {
          one.id = subscriptionId;
          for (const { data } of messages) one.lines.push(data.toString());
          if (!close) return;
          one.end = "closed";
          answer(null, {});
        });
        call.on("cancelled", () => {
          if (one.end === "open") one.end = "cut";
        });
      },
    };
    this.#server.addService(
      LogBrokerService,
      partialService(LogBrokerService, handlers as never, (text) => t.fail(text)),
    );
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    this.address = `127.0.0.1:${port}`;
    t.teardown(() => this.#server.forceShutdown());
    return this;
  }

  ask(message: Parameters<typeof SubscriptionMessage.fromPartial>[0]): void {
    this.listening.at(-1)!.send(SubscriptionMessage.fromPartial(message));
  }
}

/** Pauses last no longer than the turn in which they begin. */
const hasty: Clock = {
  now: () => Date.now(),
  steady: () => performance.now(),
  pause: () => new Promise((resolve) => setImmediate(resolve)),
};

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function bed(t: ExecutionContext, managers: readonly FakeManager[]) {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-logs-"));
  mkdirSync(join(folder, "t1"));
  appendFileSync(join(folder, "t1", "stdout"), "a\nb\n");
  const outputs = new OutputRecorder({ folder, keptBytes: 1 << 20, log: (text) => t.fail(text) });
  await outputs.start();
  const clients: Client[] = [];
  let at = 0;
  const listener = new LogListener({
    nodeId: "n1",
    connect: () => {
      const { address } = managers[at]!;
      const client = new Client(address, credentials.createInsecure());
      clients.push(client);
      return { address, client, release: () => client.close() };
    },
    tasks: () => [Task.fromPartial({ id: "t1", serviceId: "web", nodeId: "n1", status: { state: TaskState.RUNNING } })],
    outputs,
    clock: hasty,
    random: () => 0,
    log: () => undefined,
  });
  t.teardown(async () => {
    await listener.stop();
    await outputs.stop();
    for (const client of clients) client.close();
    rmSync(folder, { recursive: true });
  });
  return {
    listener,
    folder,
    /** The session stands with this manager. */
    session: (number: number) => {
      at = number;
      listener.follow(managers[number]!.address);
    },
  };
}

test("it listens where the session is, serves what it is asked, and stops when it is told", async (t) => {
  const manager = await new FakeManager().start(t);
  const { session } = await bed(t, [manager]);
  session(0);
  await until("it listens", () => manager.listening.length === 1);
  session(0);
  manager.ask({ id: "s1", selector: { serviceIds: ["web"] } });
  await until("it has published", () => manager.published[0]?.end === "closed");
  t.like(manager.published[0], { id: "s1", lines: ["a\n", "b\n"] });
  manager.ask({ id: "s2", selector: { serviceIds: ["web"] }, options: { follow: true } });
  await until("it follows", () => manager.published[1]?.lines.length === 2);
  manager.ask({ id: "s2", close: true });
  await until("it has stopped", () => manager.published[1]?.end === "cut");
  t.is(manager.listening.length, 1, "all on one stream");
});

test("when the stream breaks it stops all and listens anew; when the session moves it moves with it", async (t) => {
  const managers = [await new FakeManager().start(t), await new FakeManager().start(t)];
  const [first, second] = managers as [FakeManager, FakeManager];
  const { session } = await bed(t, managers);
  session(0);
  await until("it listens", () => first.listening.length === 1);
  first.ask({ id: "s1", selector: { serviceIds: ["web"] }, options: { follow: true } });
  await until("it follows", () => first.published[0]?.lines.length === 2);
  first.listening[0]!.end(unavailable("another manager leads now"));
  await until("it has stopped", () => first.published[0]?.end === "cut");
  await until("it listens anew", () => first.listening.length === 2);
  session(1);
  await until("it listens elsewhere", () => second.listening.length === 1);
  await until("and not here", () => !first.listening[1]!.open);
  second.ask({ id: "s9", selector: { taskIds: ["t1"] } });
  await until("it serves", () => second.published[0]?.end === "closed");
  t.deepEqual(second.published[0]!.lines, ["a\n", "b\n"]);
});
