import test from "ava";
import fc from "fast-check";
import { DeadlineWheel } from "../../../src/manager/dispatcher/deadline-wheel.js";

const SLOT_MS = 100;

const command = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), key: fc.nat(20), inMs: fc.integer({ min: -500, max: 5000 }) }),
  fc.record({ kind: fc.constant("delete" as const), key: fc.nat(20) }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.nat(800) }),
);

test("whatever is set, put off, drawn near and deleted: each comes once, not early, and not a slot late", (t) => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const wheel = new DeadlineWheel<number>(SLOT_MS);
      const model = new Map<number, number>();
      let now = 1_000_000;
      const look = () => {
        for (const key of wheel.take(now)) {
          const dueMs = model.get(key);
          if (dueMs === undefined || dueMs > now) throw new Error(`${key} came though it is not due`);
          model.delete(key);
        }
        for (const [key, dueMs] of model) {
          if (dueMs + SLOT_MS <= now) throw new Error(`${key} did not come`);
        }
        if (wheel.size !== model.size) throw new Error("another number");
        const next = wheel.nextMs;
        if ((next === undefined) !== (model.size === 0)) throw new Error("it says wrongly when to look");
        if (next !== undefined && next > Math.min(...model.values()) + SLOT_MS) throw new Error("it says so too late");
      };
      for (const one of commands) {
        if (one.kind === "set") {
          wheel.set(one.key, now + one.inMs);
          model.set(one.key, now + one.inMs);
        } else if (one.kind === "delete") {
          if (wheel.delete(one.key) !== model.delete(one.key)) throw new Error("it deletes what is not there");
        } else {
          now += one.ms;
        }
        look();
      }
      return true;
    }),
  );
  t.pass();
});

test("putting off is no work: the next look stays where it was, and moves on then", (t) => {
  const wheel = new DeadlineWheel<string>(SLOT_MS);
  wheel.set("a", 1000);
  wheel.set("a", 9000);
  t.is(wheel.nextMs, 1000);
  t.deepEqual(wheel.take(1000), []);
  t.is(wheel.nextMs, 9000);
  t.is(wheel.dueOf("a"), 9000);
  t.deepEqual(wheel.take(9000), ["a"]);
  t.is(wheel.nextMs, undefined);
});

test("what flaps leaves nothing behind", (t) => {
  const wheel = new DeadlineWheel<string>(SLOT_MS);
  for (let i = 0; i < 1000; i++) {
    wheel.set("a", 50_000);
    wheel.delete("a");
  }
  t.is(wheel.size, 0);
  t.is(wheel.nextMs, undefined);
  t.deepEqual(wheel.take(100_000), []);
});
