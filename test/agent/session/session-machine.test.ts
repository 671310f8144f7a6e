import test from "ava";
import { type SessionCommand, type SessionInput, SessionMachine } from "../../../src/agent/session/session-machine.js";
import { SessionMessage } from "../../../src/api/generated/docker/swarmkit/v1/dispatcher.js";
import { TaskState, TaskStatus } from "../../../src/api/generated/docker/swarmkit/v1/types.js";

const message = (sessionId: string) => SessionMessage.fromPartial({ sessionId });
const status = (state: TaskState) => TaskStatus.fromPartial({ state });

/** A machine and its clock; `at` gives it an input at a time and returns the commands. */
function machine(random = 0.5) {
  const core = new SessionMachine(() => random);
  return {
    core,
    at: (nowMs: number, input: SessionInput): readonly SessionCommand[] => core.step(nowMs, input),
    kinds: (nowMs: number, input: SessionInput) => core.step(nowMs, input).map(({ kind }) => kind),
  };
}

/** Open since 0 with session "s", first heartbeat answered with a period of 5 s. */
function registered() {
  const bed = machine();
  bed.at(0, { kind: "start" });
  bed.at(0, { kind: "message", epoch: 1, message: message("s") });
  bed.at(0, { kind: "heartbeatAnswered", epoch: 1, periodMs: 5000 });
  return bed;
}

test("registration: open, learn the id, hear of tasks, beat at once", (t) => {
  const { at, core } = machine();
  t.deepEqual(at(0, { kind: "start" }), [{ kind: "open", epoch: 1, sessionId: "" }]);
  t.deepEqual(at(1, { kind: "start" }), []);
  t.false(core.registered);
  const first = message("s");
  t.deepEqual(at(7, { kind: "message", epoch: 1, message: first }), [
    { kind: "registered", sessionId: "s" },
    { kind: "deliver", message: first },
    { kind: "assignments", epoch: 1, sessionId: "s" },
    { kind: "heartbeat", epoch: 1, sessionId: "s", timeoutMs: 5000 },
  ]);
  t.true(core.registered);
  const second = message("s");
  t.deepEqual(at(8, { kind: "message", epoch: 1, message: second }), [{ kind: "deliver", message: second }]);
});

test("the dispatcher's period rules the heartbeats, one at a time", (t) => {
  const { at, kinds, core } = registered();
  t.is(core.wakeAtMs, 5000);
  t.deepEqual(kinds(4999, { kind: "tick" }), []);
  t.deepEqual(kinds(5000, { kind: "tick" }), ["heartbeat"]);
  t.is(core.wakeAtMs, undefined, "one is under way");
  t.deepEqual(kinds(9000, { kind: "tick" }), []);
  at(9000, { kind: "heartbeatAnswered", epoch: 1, periodMs: 300 });
  t.is(core.wakeAtMs, 9300);
  t.deepEqual(at(9300, { kind: "tick" }), [{ kind: "heartbeat", epoch: 1, sessionId: "s", timeoutMs: 300 }]);
  at(9300, { kind: "heartbeatAnswered", epoch: 1, periodMs: 0 });
  t.is(core.wakeAtMs, 9600, "0 is no period");
});

/** Breaks the first session at 0 and each try as it begins. @returns the pauses, in ms */
function pausesAfterLoss(tries: number, random: number): readonly number[] {
  const { at, core } = machine(random);
  at(0, { kind: "start" });
  at(0, { kind: "message", epoch: 1, message: message("s") });
  const pauses: number[] = [];
  let nowMs = 0;
  for (let epoch = 1; epoch <= tries; epoch++) {
    at(nowMs, { kind: "broken", epoch, reason: "gone", sessionInvalid: false });
    pauses.push(core.wakeAtMs! - nowMs);
    nowMs = core.wakeAtMs!;
    at(nowMs, { kind: "tick" });
  }
  return pauses;
}

test("pauses double from 100 ms; for ten seconds none is longer than one, then they go to 8 s", (t) => {
  t.deepEqual(pausesAfterLoss(18, 1), [100, 200, 400, 800, ...Array(9).fill(1000), ...Array(5).fill(8000)]);
  t.deepEqual(pausesAfterLoss(6, 0), [50, 100, 200, 400, 500, 500]);
});

test("after a break the session's id is offered again, and the next try is told how the last one went", (t) => {
  const { at, core } = registered();
  for (const [epoch, silent] of [
    [1, true],
    [2, false],
  ] as const) {
    const [close] = at(core.wakeAtMs!, { kind: "broken", epoch, reason: "gone", sessionInvalid: false, silent });
    t.deepEqual(close, { kind: "close", epoch, failure: { silent } });
    t.deepEqual(at(core.wakeAtMs!, { kind: "tick" }), [{ kind: "open", epoch: epoch + 1, sessionId: "s" }]);
  }
});

test("a session that stood well begins anew with short pauses, one that broke soon does not", (t) => {
  const { at, core } = registered();
  const breakAndReturn = (nowMs: number, epoch: number) => {
    at(nowMs, { kind: "broken", epoch, reason: "gone", sessionInvalid: false });
    const pauseMs = core.wakeAtMs! - nowMs;
    at(nowMs + pauseMs, { kind: "tick" });
    at(nowMs + pauseMs, { kind: "message", epoch: epoch + 1, message: message("s") });
    return pauseMs;
  };
  t.is(breakAndReturn(1000, 1), 75);
  t.is(breakAndReturn(2000, 2), 150);
  t.is(breakAndReturn(3000, 3), 300);
  t.is(breakAndReturn(12_000, 4), 75);
});

test("an invalid session is forgotten, and what an earlier epoch says is ignored", (t) => {
  const { at, core } = registered();
  at(10, { kind: "broken", epoch: 1, reason: "session invalid", sessionInvalid: true });
  t.deepEqual(at(11, { kind: "broken", epoch: 1, reason: "again", sessionInvalid: false }), []);
  t.deepEqual(at(core.wakeAtMs!, { kind: "tick" }), [{ kind: "open", epoch: 2, sessionId: "" }]);
  t.deepEqual(at(90, { kind: "message", epoch: 1, message: message("s") }), []);
  t.false(core.registered);
});

test("a dispatcher that does not answer, or answers without an id, is left", (t) => {
  const silent = machine();
  silent.at(0, { kind: "start" });
  t.is(silent.core.wakeAtMs, 2000, "little patience while a leader may be elected");
  t.deepEqual(silent.at(2000, { kind: "tick" })[0], { kind: "close", epoch: 1, failure: { silent: true } });
  silent.at(20_000, { kind: "tick" });
  t.is(silent.core.wakeAtMs, 25_000, "more of it later");
  const nameless = machine();
  nameless.at(0, { kind: "start" });
  t.deepEqual(nameless.kinds(1, { kind: "message", epoch: 1, message: message("") }), ["close", "log"]);
});

test("statuses are gathered, the newest of a task counts, one batch is under way at a time", (t) => {
  const { at, kinds, core } = registered();
  at(100, { kind: "status", taskId: "a", status: status(TaskState.ACCEPTED) });
  at(105, { kind: "status", taskId: "b", status: status(TaskState.ACCEPTED) });
  at(110, { kind: "status", taskId: "a", status: status(TaskState.PREPARING) });
  t.is(core.wakeAtMs, 115);
  t.deepEqual(at(115, { kind: "tick" }), [
    {
      kind: "send",
      epoch: 1,
      sessionId: "s",
      batch: [
        { taskId: "a", status: status(TaskState.PREPARING) },
        { taskId: "b", status: status(TaskState.ACCEPTED) },
      ],
    },
  ]);
  at(120, { kind: "status", taskId: "a", status: status(TaskState.READY) });
  t.deepEqual(kinds(200, { kind: "tick" }), []);
  t.deepEqual(kinds(201, { kind: "statusesTaken", epoch: 1 }), ["send"]);
});

test("statuses wait while there is no session, and those under way when it broke are sent again unless newer ones came", (t) => {
  const { at, core } = registered();
  at(0, { kind: "status", taskId: "a", status: status(TaskState.READY) });
  at(0, { kind: "status", taskId: "b", status: status(TaskState.READY) });
  at(15, { kind: "tick" });
  at(16, { kind: "status", taskId: "b", status: status(TaskState.RUNNING) });
  at(20, { kind: "broken", epoch: 1, reason: "gone", sessionInvalid: false });
  at(core.wakeAtMs!, { kind: "tick" });
  const commands = at(200, { kind: "message", epoch: 2, message: message("s") });
  const send = commands.find((command) => command.kind === "send");
  t.deepEqual(send?.batch.map(({ taskId, status: { state } }) => [taskId, TaskState[state]]).sort(), [
    ["a", "READY"],
    ["b", "RUNNING"],
  ]);
});

test("a refused batch is sent one by one, and only what is refused alone is given up", (t) => {
  const { at } = registered();
  for (const taskId of ["a", "b", "c"]) at(0, { kind: "status", taskId, status: status(TaskState.READY) });
  at(15, { kind: "tick" });
  const sentIds = (commands: readonly SessionCommand[]) =>
    commands.flatMap((command) => (command.kind === "send" ? command.batch.map(({ taskId }) => taskId) : []));
  t.deepEqual(sentIds(at(16, { kind: "statusesRefused", epoch: 1, reason: "no" })), ["a"]);
  t.deepEqual(sentIds(at(17, { kind: "statusesTaken", epoch: 1 })), ["b"]);
  const refused = at(18, { kind: "statusesRefused", epoch: 1, reason: "not yours" });
  t.deepEqual(refused[0], { kind: "log", line: "the dispatcher refuses the status of task b: not yours" });
  t.deepEqual(sentIds(refused), ["c"]);
  t.deepEqual(at(19, { kind: "statusesTaken", epoch: 1 }), []);
});

test("lost assignments are asked for anew; lost again at once, the session is given up", (t) => {
  const { kinds } = registered();
  t.deepEqual(kinds(10, { kind: "resync", epoch: 1 }), ["log", "assignments"]);
  t.deepEqual(kinds(2000, { kind: "resync", epoch: 1 }), ["log", "assignments"]);
  t.deepEqual(kinds(2100, { kind: "resync", epoch: 1 }), ["close", "lost", "log"]);
});

test("a node that changed says so in a new session, without a pause and under the same id", (t) => {
  const { at, kinds } = registered();
  t.deepEqual(at(10, { kind: "descriptionChanged" }), [
    { kind: "close", epoch: 1 },
    { kind: "lost" },
    { kind: "open", epoch: 2, sessionId: "s" },
  ]);
  t.deepEqual(kinds(11, { kind: "descriptionChanged" }), []);
});

test("changes of a node that follow each other closely are told together: a dispatcher takes few sessions of a node", (t) => {
  const { at, kinds, core } = registered();
  at(10, { kind: "descriptionChanged" });
  at(20, { kind: "message", epoch: 2, message: message("s") });
  t.deepEqual(kinds(30, { kind: "descriptionChanged" }), []);
  t.deepEqual(kinds(900, { kind: "descriptionChanged" }), []);
  at(1000, { kind: "heartbeatAnswered", epoch: 2, periodMs: 60_000 });
  t.is(core.wakeAtMs, 4010);
  t.deepEqual(kinds(4009, { kind: "tick" }), []);
  t.deepEqual(kinds(4010, { kind: "tick" }), ["close", "lost", "open"]);
  at(4020, { kind: "message", epoch: 3, message: message("s") });
  t.deepEqual(
    kinds(9000, { kind: "descriptionChanged" }),
    ["close", "lost", "open"],
    "long after the last one: at once",
  );
});

test("after stop nothing happens any more, until start", (t) => {
  const { at, kinds, core } = registered();
  t.deepEqual(kinds(10, { kind: "stop" }), ["close", "lost"]);
  t.is(core.wakeAtMs, undefined);
  t.deepEqual(kinds(11, { kind: "broken", epoch: 1, reason: "cancelled", sessionInvalid: false }), []);
  t.deepEqual(kinds(20, { kind: "start" }), ["open"]);
  t.deepEqual(at(21, { kind: "message", epoch: 1, message: message("s") }), []);
});
