import { status } from "@grpc/grpc-js";
import test from "ava";
import { aborted, StatusError } from "../../../src/api/status-error.js";
import { NodeSessions } from "../../../src/manager/dispatcher/node-sessions.js";
import { ManualClock, seededBytes } from "../manual-clock.js";

function sessions() {
  const clock = new ManualClock();
  const silent: string[] = [];
  const settings = { periodMs: 5000, graceFactor: 3 };
  const made = new NodeSessions(
    clock,
    seededBytes(3),
    () => settings,
    (nodeId) => silent.push(nodeId),
  );
  return { clock, silent, sessions: made };
}

const SUPERSEDED = aborted("another session");

test("a node that is not heard of for three periods is given up, and its session with it", (t) => {
  const { clock, silent, sessions: all } = sessions();
  const session = all.open("n1", SUPERSEDED);
  let ended = "";
  session.onEnd((error) => (ended = error.message));
  clock.advance(14_999);
  t.deepEqual(silent, []);
  all.beat("n1", session.id);
  clock.advance(14_999);
  t.deepEqual(silent, []);
  clock.advance(1);
  t.deepEqual(silent, ["n1"]);
  t.regex(ended, /not heard of/);
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

test("a new session ends the one before", (t) => {
  const { sessions: all } = sessions();
  const first = all.open("n1", SUPERSEDED);
  const ends: string[] = [];
  first.onEnd((error) => ends.push(error.message));
  const second = all.open("n1", SUPERSEDED);
  t.deepEqual(ends, ["another session"]);
  t.like(
    t.throws(() => all.check("n1", first.id)),
    { code: status.INVALID_ARGUMENT, message: "session invalid" },
  );
  t.is(all.check("n1", second.id).nodeId, "n1");
  t.like(
    t.throws(() => all.check("n2", second.id)),
    { code: status.NOT_FOUND, message: "node not registered" },
  );
});

test("a node that only lost its connection has its grace period; a removed one has none", (t) => {
  const { clock, silent, sessions: all } = sessions();
  all.open("n1", SUPERSEDED);
  all.close("n1", new Error("gone"));
  all.open("n2", SUPERSEDED);
  all.forget("n2", new Error("removed"));
  clock.advance(15_000);
  t.deepEqual(silent, ["n1"]);
  all.expect("n3", 6);
  all.stop(new Error("stop"));
  t.is(clock.pending, 0);
});

test("after a sleep of its own the manager does not give up nodes that had no chance to be heard", (t) => {
  const { clock, silent, sessions: all } = sessions();
  const session = all.open("n1", SUPERSEDED);
  all.open("n2", SUPERSEDED);
  clock.sleep(3_600_000);
  t.deepEqual(silent, []);
  all.beat("n1", session.id);
  clock.advance(14_000);
  all.beat("n1", session.id);
  clock.advance(1000);
  t.deepEqual(silent, ["n2"]);
});
