import test from "ava";
import { type Term, Terms } from "../../../src/manager/leadership/terms.js";
import { RaftError } from "../../../src/raft/node/raft.js";
import { ManualClock } from "../manual-clock.js";

const REASON = new Error("another manager leads now");

/** Terms whose beginnings and ends the test decides. */
function world() {
  const clock = new ManualClock();
  const log: string[] = [];
  const failures: unknown[] = [];
  const gates = new Map<string, { open: () => void; fail: (error: Error) => void }>();
  const gate = (name: string) =>
    new Promise<void>((resolve, reject) => {
      log.push(name);
      gates.set(name, { open: resolve, fail: reject });
    });
  const terms = new Terms<Term & { number: number }>(
    (number) => ({ number, start: () => gate(`start ${number}`), stop: () => gate(`stop ${number}`) }),
    clock,
    (error) => failures.push(error),
    () => log.push(`changed ${terms.current?.number ?? "none"}`),
  );
  const settle = async () => {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  };
  return {
    terms,
    clock,
    failures,
    lead: (term: number) => terms.see({ role: "leader", term }, REASON),
    follow: (term: number) => terms.see({ role: "follower", term }, REASON),
    open: async (name: string) => {
      gates.get(name)!.open();
      await settle();
    },
    fail: async (name: string, error: Error) => {
      gates.get(name)!.fail(error);
      await settle();
    },
    settle,
    take: () => log.splice(0),
  };
}

test("a term runs while this manager leads", async (t) => {
  const { lead, follow, open, settle, take, terms } = world();
  lead(2);
  await settle();
  t.deepEqual(take(), ["start 2"]);
  t.is(terms.current, undefined, "not before it has begun");
  await open("start 2");
  t.is(terms.current?.number, 2);
  lead(2);
  follow(3);
  t.is(terms.current, undefined, "at once");
  t.deepEqual(take(), ["changed 2", "stop 2", "changed none"]);
});

test("who ceases to lead in the middle of the beginning ends it, and is never current", async (t) => {
  const { lead, follow, open, settle, take, terms } = world();
  lead(2);
  await settle();
  follow(3);
  await open("start 2");
  await open("stop 2");
  t.is(terms.current, undefined);
  t.deepEqual(take(), ["start 2", "stop 2"]);
});

test("the next term begins only when nothing of the one before is under way", async (t) => {
  const { lead, open, settle, take } = world();
  lead(2);
  await settle();
  await open("start 2");
  lead(5);
  await settle();
  t.deepEqual(take(), ["start 2", "changed 2", "stop 2", "changed none"]);
  await open("stop 2");
  t.deepEqual(take(), ["start 5"]);
});

test("terms that were over before their turn came never begin", async (t) => {
  const { lead, follow, open, settle, take } = world();
  lead(2);
  await settle();
  lead(3);
  follow(4);
  lead(5);
  await open("start 2");
  await open("stop 2");
  t.deepEqual(take(), ["start 2", "stop 2", "start 5"]);
});

test("a term that cannot begin is reported and tried again, unless leadership was lost", async (t) => {
  const { lead, fail, settle, failures } = world();
  lead(2);
  await settle();
  await fail("start 2", new RaftError("not-leader", "another leads"));
  t.deepEqual(failures, []);
  const other = world();
  other.lead(2);
  await other.settle();
  const defect = new Error("the cluster's address pool is none");
  await other.fail("start 2", defect);
  t.deepEqual(other.failures, [defect]);
  other.clock.advance(1000);
  await other.open("stop 2");
  await other.open("start 2");
  t.is(other.terms.current?.number, 2, "it was tried again");
  t.is(other.clock.pending, 0);
});

test("stop resolves when the last term has ended", async (t) => {
  const { lead, open, settle, terms } = world();
  lead(2);
  await settle();
  await open("start 2");
  let stopped = false;
  const end = terms.stop(REASON).then(() => {
    stopped = true;
  });
  await settle();
  t.false(stopped);
  await open("stop 2");
  await end;
  t.true(stopped);
});
