/** The orchestrators against models that are so simple that they can be seen to be right. */
import test from "ava";
import fc from "fast-check";
import type { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import {
  RestartPolicy_RestartCondition as Condition,
  TaskState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { mayRestart } from "../../../src/manager/orchestrator/restart.js";
import { surplusSlots } from "../../../src/manager/orchestrator/scale-down.js";
import { isOpen } from "../../../src/manager/orchestrator/slot.js";
import { SlotTable } from "../../../src/manager/orchestrator/slot-table.js";
import { around, outcome, slotsOf, type TaskRow, taskSpec, tasksOf } from "./service-model.js";

const NODES = { a: "ready", b: "ready", c: "ready", d: "down" } as const;

test("slots: a table that is kept up to date is one that is made anew", (t) => {
  const change = fc.record({
    id: fc.nat(12),
    slot: fc.integer({ min: 1, max: 6 }),
    wanted: fc.constantFrom<TaskRow["wanted"][]>("RUNNING", "SHUTDOWN", "REMOVE"),
    isRemoval: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
      const table = new SlotTable(false);
      const tasks = new Map<string, Task>();
      for (const { id, slot, wanted, isRemoval } of changes) {
        const name = `t${id}`;
        const before = tasks.get(name);
        if (isRemoval) {
          if (before) table.remove(before);
          tasks.delete(name);
        } else {
          const place = before?.slot ?? slot;
          const [task] = tasksOf([{ id: name, slot: place, state: "RUNNING", wanted: wanted!, at: 100 - id }]);
          table.put(task!, before);
          tasks.set(name, task!);
        }
      }
      const bySlot = new Map<number, Task[]>();
      for (const task of tasks.values()) bySlot.set(task.slot, [...(bySlot.get(task.slot) ?? []), task]);
      const open = [...bySlot].filter(([, own]) => own.some((task) => task.desiredState < TaskState.REMOVE));
      const free = [1, 2, 3, 4, 5, 6, 7, 8].filter((number) => !open.some(([slot]) => slot === number));
      return (
        table.size === bySlot.size &&
        table.open === open.length &&
        [...table.slots()].every(({ number, tasks: own }) => {
          const ages = own.map(({ meta }) => meta!.createdAt!.seconds);
          return own.length === bySlot.get(number)!.length && ages.every((age, i) => i === 0 || ages[i - 1]! <= age);
        }) &&
        JSON.stringify(table.lowestFree(2)) === JSON.stringify(free.slice(0, 2))
      );
    }),
  );
  t.pass();
});

test("restart windows: an attempt counts while it lies in the window that ends with the task", (t) => {
  const row = fc.record({ at: fc.nat(100), version: fc.constantFrom(1, 2) });
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.nat(60),
      (rows, maxAttempts, seconds) => {
        const spec = taskSpec("one", { restart: { condition: Condition.ANY, maxAttempts, window: { seconds } } });
        const ordered = rows.sort((x, y) => x.at - y.at);
        const [slot] = slotsOf(
          tasksOf(ordered.map((one, i) => ({ id: `t${i}`, state: "FAILED", spec, since: 101, ...one }))),
        );
        const last = slot!.tasks.at(-1)!;
        const attempts = ordered.filter(({ version }) => version === last.specVersion!.index).slice(1);
        const counted = seconds === 0 ? attempts : attempts.filter(({ at }) => at > 101 - seconds);
        return mayRestart(slot!, last) === counted.length < maxAttempts;
      },
    ),
  );
  t.pass();
});

test("scaling down: so many go, none that runs while one that does not stays, and the nodes are as even as they can be", (t) => {
  const row = fc.record({
    node: fc.constantFrom("a", "b", "c", "d", ""),
    state: fc.constantFrom<TaskRow["state"][]>("RUNNING", "STARTING", "FAILED", "PENDING"),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), fc.nat(30), (rows, asked) => {
      const slots = slotsOf(tasksOf(rows.map((one, i) => ({ id: `t${i}`, slot: i + 1, ...one }))));
      const surplus = Math.min(asked, slots.length);
      const gone = new Set(outcome(surplusSlots(slots.filter(isOpen), surplus, around(0, NODES))));
      if (gone.size !== surplus) return false;
      const runs = (slot: (typeof slots)[number]) => {
        const task = slot.tasks[0]!;
        return task.status!.state === TaskState.RUNNING && "abc".includes(task.nodeId) && task.nodeId !== "";
      };
      const kept = slots.filter((slot) => !gone.has(slot));
      if ([...gone].some(runs) && kept.some((slot) => !runs(slot))) return false;
      if (kept.length === 0 || kept.some((slot) => !runs(slot))) return true;
      // Nothing but what runs is left: no node that lost one has fewer than another keeps, but by one.
      const count = (node: string) => kept.filter((slot) => slot.tasks[0]!.nodeId === node).length;
      const most = Math.max(...["a", "b", "c"].map(count));
      const lowered = [...gone].filter(runs).map((slot) => count(slot.tasks[0]!.nodeId));
      return lowered.every((left) => most - left <= 1);
    }),
  );
  t.pass();
});
