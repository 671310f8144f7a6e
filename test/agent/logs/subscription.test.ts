/** What a node publishes for a subscription, from real files; the manager's end is a list. */
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { LogPublisher } from "../../../src/agent/logs/log-publisher.js";
import { LogSubscription } from "../../../src/agent/logs/log-subscription.js";
import { OutputRecorder } from "../../../src/agent/logs/output-recorder.js";
import {
  type LogMessage,
  LogStream,
  SubscriptionMessage,
} from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { tailOf } from "../../../src/api/logs/tail.js";

const NODE = "node1";
const PATIENCE_MS = 60_000;

class Published implements LogPublisher {
  readonly messages: LogMessage[] = [];
  readonly batches: number[] = [];
  isClosed = false;

  async send(messages: readonly LogMessage[]): Promise<void> {
    this.messages.push(...messages);
    this.batches.push(messages.length);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  cancel(): void {}

  get lines(): readonly string[] {
    return this.messages.map(({ data }) => data.toString());
  }
}

interface Bed {
  tasks: Task[];
  readonly outputs: OutputRecorder;
  /** @param second when, of a file that is new; else it is added to */
  write(taskId: string, stream: "stdout" | "stderr", text: string, second?: number): Promise<void>;
  subscribe(message: Parameters<typeof SubscriptionMessage.fromPartial>[0]): Subscribed;
}

interface Subscribed {
  readonly published: Published;
  readonly subscription: LogSubscription;
  readonly done: Promise<void>;
  readonly abort: AbortController;
}

const taskOf = (id: string, serviceId: string, state = TaskState.RUNNING) =>
  Task.fromPartial({ id, serviceId, nodeId: NODE, status: { state } });

async function bed(t: ExecutionContext): Promise<Bed> {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-logs-"));
  const outputs = new OutputRecorder({ folder, keptBytes: 1 << 20, log: (line) => t.fail(line) });
  await outputs.start();
  const running: Subscribed[] = [];
  t.teardown(async () => {
    for (const { abort, done } of running) {
      abort.abort();
      await done;
    }
    await outputs.stop();
    rmSync(folder, { recursive: true });
  });
  const world: Bed = {
    tasks: [],
    outputs,
    async write(taskId, stream, text, second) {
      const path = join(folder, taskId, stream);
      mkdirSync(join(folder, taskId), { recursive: true });
      if (second === undefined) {
        appendFileSync(path, text);
      } else {
        // Whoever looks finds it written and dated at once.
        writeFileSync(`${path}.new`, text);
        utimesSync(`${path}.new`, second, second);
        renameSync(`${path}.new`, path);
      }
      await outputs.look();
      await outputs.file(taskId, stream)!.look();
    },
    subscribe(message) {
      const published = new Published();
      const subscription = new LogSubscription(SubscriptionMessage.fromPartial({ id: "s", ...message }), {
        nodeId: NODE,
        tasks: () => world.tasks,
        outputs,
        publisher: published,
      });
      const abort = new AbortController();
      const subscribed = { published, subscription, abort, done: subscription.run(abort.signal) };
      running.push(subscribed);
      return subscribed;
    },
  };
  return world;
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("both streams of all selected tasks come in one order, and then the end", async (t) => {
  const world = await bed(t);
  world.tasks = [
    taskOf("t1", "web"),
    taskOf("t2", "web"),
    taskOf("t3", "other"),
    taskOf("t4", "web", TaskState.PREPARING),
  ];
  await world.write("t1", "stdout", "a\n", 1000);
  await world.write("t2", "stderr", "b\n", 2000);
  await world.write("t1", "stderr", "c\n", 3000);
  await world.write("t1", "stdout", "d\n");
  await world.write("t3", "stdout", "not this\n", 1500);
  const { published, done } = world.subscribe({ selector: { serviceIds: ["web"] } });
  await done;
  t.is(published.lines.join(""), "a\nb\nc\nd\n");
  t.true(published.isClosed);
  t.like(published.messages[1], {
    context: { taskId: "t2", serviceId: "web", nodeId: NODE },
    stream: LogStream.LOG_STREAM_STDERR,
    timestamp: { seconds: 2000, nanos: 0 },
  });
});

test("one stream, the newest lines of each, since a time; by task and by node", async (t) => {
  const world = await bed(t);
  world.tasks = [taskOf("t1", "web"), taskOf("t2", "other", TaskState.FAILED)];
  await world.write("t1", "stdout", "a\nb\n", 1000);
  await world.write("t1", "stderr", "c\n", 2000);
  await world.write("t2", "stdout", "d\n", 3000);
  const read = async (message: Parameters<typeof SubscriptionMessage.fromPartial>[0]) => {
    const { published, done } = world.subscribe(message);
    await done;
    return published.lines.join("").replaceAll("\n", "");
  };
  const node = { nodeIds: [NODE] };
  t.is(await read({ selector: node }), "abcd");
  t.is(await read({ selector: { taskIds: ["t2"] } }), "d");
  t.is(await read({ selector: { taskIds: ["nosuch"] } }), "");
  t.is(await read({ selector: node, options: { streams: [LogStream.LOG_STREAM_STDERR] } }), "c");
  t.is(await read({ selector: node, options: { tail: tailOf(1) } }), "cd", "of each task");
  t.is(await read({ selector: node, options: { tail: tailOf(2) } }), "bcd");
  t.is(await read({ selector: node, options: { tail: tailOf(0) } }), "");
  t.is(await read({ selector: node, options: { since: { seconds: 2000 } } }), "cd");
});

test("who does not follow gets what is there when it is asked for, although more comes", async (t) => {
  const world = await bed(t);
  world.tasks = [taskOf("t1", "web")];
  await world.write("t1", "stdout", "a\nno end", 1000);
  const { published, done } = world.subscribe({ selector: { serviceIds: ["web"] } });
  await done;
  t.deepEqual(published.lines, ["a\n", "no end"]);
});

test("who follows gets what is written, by tasks that come later too, and hears when there is nothing more at present", async (t) => {
  const world = await bed(t);
  world.tasks = [taskOf("t1", "web")];
  await world.write("t1", "stdout", "old\nnewest\n", 1000);
  const { published, subscription, done, abort } = world.subscribe({
    selector: { serviceIds: ["web"] },
    options: { follow: true, tail: tailOf(1) },
  });
  await until("the old line, and that it was all", () => published.batches.at(-1) === 0);
  t.deepEqual(published.lines, ["newest\n"]);
  await world.write("t1", "stdout", "one\ntw");
  await until("the new line", () => published.lines.length === 2);
  world.tasks = [...world.tasks, taskOf("t2", "web", TaskState.STARTING)];
  subscription.wake();
  await world.write("t2", "stderr", "first\nsecond\n");
  world.tasks = [world.tasks[0]!, taskOf("t2", "web")];
  subscription.wake();
  await until("all lines of the new task", () => published.lines.length === 4);
  t.deepEqual(published.lines.slice(1), ["one\n", "first\n", "second\n"], "half a line waits for its end");
  world.tasks = [taskOf("t1", "web", TaskState.COMPLETE), world.tasks[1]!];
  subscription.wake();
  await until("what is left of a task that ended", () => published.lines.at(-1) === "tw");
  abort.abort();
  await done;
  t.false(published.isClosed, "who follows a service is not told of an end");
});

test("following tasks by name ends with the tasks", async (t) => {
  const world = await bed(t);
  world.tasks = [taskOf("t1", "web")];
  await world.write("t1", "stdout", "a\n", 1000);
  const { published, subscription, done } = world.subscribe({
    selector: { taskIds: ["t1"] },
    options: { follow: true },
  });
  await until("the line", () => published.lines.length === 1);
  await world.write("t1", "stdout", "last words\n");
  world.tasks = [];
  subscription.wake();
  await done;
  t.deepEqual(published.lines, ["a\n", "last words\n"]);
  t.true(published.isClosed);
});

test("batches are small, however much there is", async (t) => {
  const world = await bed(t);
  world.tasks = [taskOf("t1", "web")];
  await world.write("t1", "stdout", `${"z".repeat(999)}\n`.repeat(900), 1000);
  const { published, done } = world.subscribe({ selector: { serviceIds: ["web"] } });
  await done;
  t.is(published.lines.length, 900);
  t.true(Math.max(...published.batches) <= 24, `${Math.max(...published.batches)} lines of 1,000 bytes at once`);
});
