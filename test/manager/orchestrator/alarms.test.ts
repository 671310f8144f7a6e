import test from "ava";
import fc from "fast-check";
import { Alarms } from "../../../src/manager/orchestrator/alarms.js";

test("alarms ring in order, and the last word on a name counts", (t) => {
  const alarms = new Alarms<string>();
  alarms.set("a", 30, "a");
  alarms.set("b", 10, "b");
  alarms.set("c", 20, "c");
  alarms.set("b", 40, "b later");
  t.is(alarms.nextMs, 20);
  t.deepEqual(alarms.take(35), ["c", "a"]);
  t.is(alarms.nextMs, 40);
  t.deepEqual(alarms.take(40), ["b later"]);
  t.is(alarms.nextMs, undefined);
});

test("alarms do what a sorted list does", (t) => {
  const command = fc.oneof(
    fc.record({ name: fc.constantFrom("a", "b", "c", "d", "e", "f"), atMs: fc.nat(50) }),
    fc.record({ untilMs: fc.nat(50) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const alarms = new Alarms<string>();
      const model = new Map<string, number>();
      for (const one of commands) {
        if ("name" in one) {
          alarms.set(one.name, one.atMs, one.name);
          model.set(one.name, one.atMs);
          continue;
        }
        const due = [...model].filter(([, atMs]) => atMs <= one.untilMs);
        const rung = alarms.take(one.untilMs);
        if (rung.length !== due.length || !due.every(([name]) => rung.includes(name))) return false;
        if (rung.some((name, i) => i > 0 && model.get(rung[i - 1]!)! > model.get(name)!)) return false;
        for (const [name] of due) model.delete(name);
        const next = model.size > 0 ? Math.min(...model.values()) : undefined;
        if (alarms.nextMs !== next) return false;
      }
      return true;
    }),
  );
  t.pass();
});
