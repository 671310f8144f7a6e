/** The log commands, run as a person runs them, against a manager that says what the test wants. */
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { LogMessage, LogStream } from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { Service, Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { notice } from "../../../src/api/logs/notice.js";
import { StatusError, unavailable } from "../../../src/api/status-error.js";
import { HOST1, HOST2, id } from "../fixtures.js";
import { type Outcome, start } from "../run.js";
import { LogPeer, sending } from "./log-peer.js";

const WEB = Service.fromPartial({ id: id("web"), spec: { annotations: { name: "web" } } });
const ONE = Task.fromPartial({
  id: id("t1"),
  serviceId: WEB.id,
  slot: 1,
  nodeId: HOST1.id,
  serviceAnnotations: { name: "web", labels: { tier: "front end", a: "1" } },
  status: { state: TaskState.RUNNING },
});
const TEN = Task.fromPartial({ ...(ONE as object), id: id("t10"), slot: 10, nodeId: HOST2.id });

const line = (task: Task, second: number, text: string, stream = LogStream.LOG_STREAM_STDOUT) =>
  LogMessage.fromPartial({
    context: { taskId: task.id, serviceId: task.serviceId, nodeId: task.nodeId },
    timestamp: { seconds: second, nanos: 5 },
    stream,
    data: Buffer.from(text),
  });

async function peer(t: ExecutionContext): Promise<LogPeer> {
  const made = await LogPeer.start();
  t.teardown(() => made.stop());
  made.services = [WEB];
  made.tasks = [ONE, TEN];
  return made;
}

const tsctl = (to: LogPeer, ...args: readonly string[]): Promise<Outcome> =>
  start(args, { SWARM_SOCKET: to.socket }).outcome;

const LINES = [
  line(ONE, 1, "hello\n"),
  line(TEN, 2, "over there\n"),
  line(ONE, 3, "trouble\n", LogStream.LOG_STREAM_STDERR),
];

test("lines stand behind their tasks, aligned; each stream goes where it belongs", async (t) => {
  const manager = await peer(t);
  manager.answers = [sending(LINES)];
  const { status: code, stdout, stderr } = await tsctl(manager, "service", "logs", "web");
  t.is(code, 0);
  t.is(stdout, `web.1.${ONE.id.slice(0, 12)}@host1     | hello\nweb.10.${TEN.id.slice(0, 12)}@host2    | over there\n`);
  t.is(stderr, `web.1.${ONE.id.slice(0, 12)}@host1     | trouble\n`);
  t.like(manager.subscribed[0], {
    selector: { serviceIds: [WEB.id], taskIds: [], nodeIds: [] },
    options: { follow: false, tail: 0, since: undefined },
  });
});

test("the flags are Docker's", async (t) => {
  const manager = await peer(t);
  manager.answers = [sending(LINES.slice(0, 1))];
  const shown = async (...flags: readonly string[]) =>
    (await tsctl(manager, "service", "logs", ...flags, "web")).stdout;
  t.is(await shown("--raw"), "hello\n");
  t.is(await shown("--raw", "-t"), "1970-01-01T00:00:01.000000005Z hello\n");
  t.is(await shown("--no-task-ids"), "web.1@host1     | hello\n");
  t.is(await shown("--no-trunc", "--timestamps"), `1970-01-01T00:00:01.000000005Z web.1.${ONE.id}@host1     | hello\n`);
  t.is(await shown("--details", "--no-task-ids"), "web.1@host1     | a=1,tier=front%20end hello\n");
  t.is(
    await shown("--details", "--raw"),
    `a=1,com.docker.swarm.node.id=${HOST1.id},com.docker.swarm.service.id=${WEB.id},com.docker.swarm.task.id=${ONE.id},tier=front%20end hello\n`,
  );
  t.is(await shown("--no-resolve", "--no-task-ids"), `${WEB.id}.1@${HOST1.id}     | hello\n`);
  t.deepEqual(JSON.parse(await shown("--format", "json")), {
    time: "1970-01-01T00:00:01.000000005Z",
    stream: "stdout",
    serviceId: WEB.id,
    service: "web",
    taskId: ONE.id,
    slot: "1",
    nodeId: HOST1.id,
    node: "host1",
    line: "hello",
    attributes: { a: "1", tier: "front end" },
  });
  const count = manager.subscribed.length;
  await shown("-n", "7", "--since", "1700000000.5");
  t.like(manager.subscribed[count], { options: { tail: -8, since: { seconds: 1_700_000_000, nanos: 500_000_000 } } });
  await shown("--tail", "all");
  t.like(manager.subscribed[count + 1], { options: { tail: 0 } });
  for (const [flags, words] of [
    [["--tail", "-1"], /--tail: "-1" is not a whole number/],
    [["--since", "yesterday"], /--since: "yesterday" is no point in time/],
    [["--raw", "--format", "json"], /--raw: means nothing with --format json/],
  ] as const) {
    const { status: code, stderr } = await tsctl(manager, "service", "logs", ...flags, "web");
    t.is(code, 2);
    t.regex(stderr, words);
  }
});

test("a task stands for itself, by id, by slot, and in place of a service", async (t) => {
  const manager = await peer(t);
  manager.answers = [sending(LINES.slice(0, 1))];
  for (const args of [
    ["task", "logs", ONE.id],
    ["task", "logs", "web.1"],
    ["service", "logs", ONE.id],
  ]) {
    t.is((await tsctl(manager, ...args)).status, 0, args.join(" "));
    t.deepEqual(manager.subscribed.at(-1)!.selector, { serviceIds: [], nodeIds: [], taskIds: [ONE.id] });
  }
});

test("bytes are passed on as they are; a line that comes in pieces is one, and one without an end gets it", async (t) => {
  const manager = await peer(t);
  manager.answers = [
    sending([line(ONE, 1, "begun, "), line(ONE, 1, "ended \u001b[1m\n"), line(ONE, 2, "half"), line(TEN, 3, "other")]),
  ];
  const { stdout } = await tsctl(manager, "service", "logs", "--no-task-ids", "web");
  t.is(stdout, "web.1@host1     | begun, ended \u001b[1m\nweb.1@host1     | half\nweb.10@host2    | other\n");
});

const INCOMPLETE =
  "warning: incomplete log stream. some logs could not be retrieved for the following reasons: node host2 is down: logs of web.2, web.3 are missing, task x has not been scheduled";

test("what is missing is warned of once, and fails only when there was nothing else", async (t) => {
  const manager = await peer(t);
  const error = new StatusError(status.UNKNOWN, INCOMPLETE);
  const told = notice(
    { nodeId: HOST2.id, serviceId: "", taskId: "" },
    "node host2 is down: logs of web.2, web.3 are missing",
    0,
  );
  manager.answers = [sending([told, ...LINES.slice(0, 1)], error), sending([], error)];
  const partial = await tsctl(manager, "service", "logs", "--raw", "web");
  t.is(partial.status, 0);
  t.is(partial.stdout, "hello\n");
  t.is(
    partial.stderr,
    "tsctl: warning: node host2 is down: logs of web.2, web.3 are missing\ntsctl: warning: task x has not been scheduled\n",
  );
  const nothing = await tsctl(manager, "service", "logs", "web");
  t.is(nothing.status, 1);
  t.regex(
    nothing.stderr,
    /^tsctl: warning: node host2 is down: .* has not been scheduled\n$/,
    "a manager without notices",
  );
});

test("a stream that breaks off is an error, unless it is followed: then it goes on where it was", async (t) => {
  const manager = await peer(t);
  const broken = unavailable("another manager leads now: open the stream again");
  manager.answers = [sending(LINES.slice(0, 1), broken)];
  const once = await tsctl(manager, "service", "logs", "--raw", "web");
  t.is(once.status, 1);
  t.is(once.stderr, "tsctl: another manager leads now: open the stream again\n");

  manager.subscribed.length = 0;
  manager.answers = [
    sending([line(ONE, 100, "a\n"), line(TEN, 101, "b\n")], broken),
    sending([], broken),
    sending([line(ONE, 100, "a\n"), line(ONE, 101, "late\n"), line(TEN, 101, "b\n"), line(TEN, 102, "c\n")]),
  ];
  const followed = await tsctl(manager, "service", "logs", "--raw", "-f", "-n", "1", "web");
  t.is(followed.status, 0, followed.stderr);
  t.is(followed.stdout, "a\nb\nlate\nc\n");
  t.regex(
    followed.stderr,
    /^tsctl: warning: the log stream broke off and is taken up again: another manager leads now.*\n$/,
  );
  t.like(manager.subscribed[0], { options: { tail: -2 } });
  t.like(manager.subscribed[2], { options: { tail: 0, since: { seconds: 96, nanos: 5 } } });
});

test("a refusal is one line", async (t) => {
  const manager = await peer(t);
  manager.answers = [sending([], new StatusError(status.RESOURCE_EXHAUSTED, "too many readers"))];
  const { status: code, stderr } = await tsctl(manager, "service", "logs", "-f", "web");
  t.deepEqual([code, stderr], [1, "tsctl: too many readers\n"]);
});
