import test from "ava";
import fc from "fast-check";
import {
  askAgainMs,
  countLosses,
  type KnownNode,
  LOSS_WINDOW_MS,
  maxLosses,
  mayDeclareDown,
} from "../../../src/manager/orchestrator/partition-guard.js";

test("how many nodes may be lost at once: half, and two in any case", (t) => {
  const table = [
    [1, 2],
    [2, 2],
    [3, 2],
    [4, 2],
    [5, 2],
    [6, 3],
    [7, 3],
    [100, 50],
    [10_001, 5000],
  ] as const;
  for (const [nodes, losses] of table) t.is(maxLosses(nodes), losses, `${nodes} nodes`);
});

test("a small cluster goes on working: all but one of its nodes may be lost", (t) => {
  for (const nodes of [1, 2, 3]) {
    for (let lost = 0; lost < nodes - 1; lost++) t.true(mayDeclareDown({ nodes, lost }), `${lost} of ${nodes}`);
  }
});

const lostAt = (id: string, downSinceMs: number): KnownNode => ({ id, isDown: true, downSinceMs });
const there = (id: string): KnownNode => ({ id, isDown: false, downSinceMs: 0 });

test("what was lost long ago is no part of the question, and losses leave the window one by one", (t) => {
  const now = 10 * LOSS_WINDOW_MS;
  const nodes = [lostAt("a", 5), lostAt("b", now - LOSS_WINDOW_MS), lostAt("c", now - 1000), there("d"), there("e")];
  t.deepEqual(countLosses(nodes, now), { nodes: 3, lost: 1 });
  t.is(askAgainMs(nodes, now), now - 1000 + LOSS_WINDOW_MS);
});

test("whoever falls silent, in whatever order: never more than the share is lost in one window, and all are in the end", (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.integer({ min: 0, max: 40_000 }), { maxLength: 200 }),
      (size, pauses) => {
        const nodes: KnownNode[] = Array.from({ length: size }, (_, i) => there(`n${i}`));
        const losses: number[] = [];
        let now = 1_000_000;
        for (const pause of [...pauses, ...Array.from({ length: 200 }, () => LOSS_WINDOW_MS)]) {
          now += pause;
          const at = nodes.findIndex(({ isDown }) => !isDown);
          if (at < 0) break;
          const counts = countLosses(nodes, now);
          if (!mayDeclareDown(counts)) {
            if (!(askAgainMs(nodes, now) > now)) return false;
            continue;
          }
          nodes[at] = lostAt(nodes[at]!.id, now);
          losses.push(now);
          const atOnce = losses.filter((one) => one > now - LOSS_WINDOW_MS).length;
          if (atOnce > maxLosses(counts.nodes)) return false;
        }
        return nodes.every(({ isDown }) => isDown);
      },
    ),
  );
  t.pass();
});
