import { status } from "@grpc/grpc-js";
import test from "ava";
import { aborted, StatusError } from "../../../src/api/status-error.js";
import { NodeSessions } from "../../../src/manager/dispatcher/node-sessions.js";
import { ManualClock, seededBytes } from "../manual-clock.js";

function sessions() {
  const clock = new ManualClock();
  const ended: (readonly [string, number])[] = [];
  const settings = { periodMs: 5000, graceFactor: 3 };
  const made = new NodeSessions(
    clock,
    seededBytes(3),
    () => settings,
    (nodeId, graceMs) => ended.push([nodeId, graceMs]),
  );
  return { clock, ended, sessions: made };
}

const SUPERSEDED = aborted("another session");

test("a node that is not heard of for three periods has no session any more", (t) => {
  const { clock, ended, sessions: all } = sessions();
  const session = all.open("n1", SUPERSEDED);
  let reason = "";
  session.onEnd((error) => {
    reason = error.message;
  });
  clock.advance(14_999);
  t.deepEqual(ended, []);
  all.beat("n1", session.id);
  clock.advance(14_999);
  t.deepEqual(ended, []);
  clock.advance(100);
  t.deepEqual(ended, [["n1", 0]]);
  t.regex(reason, /not heard of/);
  t.like(
    t.throws(() => all.beat("n1", session.id), { instanceOf: StatusError }),
    { code: status.NOT_FOUND },
  );
  t.is(clock.pending, 0);
});

test("periods are spread by a tenth", (t) => {
  const { sessions: all } = sessions();
  const { id } = all.open("n1", SUPERSEDED);
  const periods = Array.from({ length: 100 }, () => all.beat("n1", id));
  t.true(periods.every((period) => period >= 4500 && period <= 5500));
  t.true(new Set(periods).size > 20);
});

test("a new session ends the one before, and the node has not gone", (t) => {
  const { ended, sessions: all } = sessions();
  const first = all.open("n1", SUPERSEDED);
  const ends: string[] = [];
  first.onEnd((error) => ends.push(error.message));
  const second = all.open("n1", SUPERSEDED);
  t.deepEqual(ends, ["another session"]);
  t.like(
    t.throws(() => all.check("n1", first.id)),
    { code: status.INVALID_ARGUMENT, message: "session invalid" },
  );
  all.end(first, new Error("its stream closed"));
  t.is(all.check("n1", second.id).nodeId, "n1");
  t.like(
    t.throws(() => all.check("n2", second.id)),
    { code: status.NOT_FOUND, message: "node not registered" },
  );
  t.deepEqual(ended, []);
});

test("a node that lost its connection counts as alive for what is left of its grace", (t) => {
  const { clock, ended, sessions: all } = sessions();
  const session = all.open("n1", SUPERSEDED);
  clock.advance(4000);
  all.end(session, new Error("gone"));
  t.deepEqual(ended, [["n1", 11_000]]);
  all.open("n3", SUPERSEDED);
  all.endAll(new Error("stop"));
  t.is(ended.length, 1);
  t.is(all.size, 0);
  t.is(clock.pending, 0);
});

test("after a sleep of its own the manager does not give up nodes that had no chance to be heard", (t) => {
  const { clock, ended, sessions: all } = sessions();
  const session = all.open("n1", SUPERSEDED);
  all.open("n2", SUPERSEDED);
  clock.sleep(3_600_000);
  t.deepEqual(ended, []);
  all.beat("n1", session.id);
  clock.advance(14_000);
  all.beat("n1", session.id);
  clock.advance(1100);
  t.deepEqual(ended, [["n2", 0]]);
});

test("thousands of heartbeats rearm no timer", (t) => {
  const { clock, ended, sessions: all } = sessions();
  const ids = Array.from({ length: 1000 }, (_, i) => all.open(`n${i}`, SUPERSEDED).id);
  for (let beat = 0; beat < 10; beat++) {
    for (const [i, id] of ids.entries()) all.beat(`n${i}`, id);
    t.is(clock.pending, 1);
    clock.advance(5000);
  }
  t.deepEqual(ended, []);
});
