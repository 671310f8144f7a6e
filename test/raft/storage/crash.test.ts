import test from "ava";
import { CrashStory } from "./crash-story.js";

/** More by hand: CRASH_SEEDS=1000-1100. */
const [FIRST, LAST] = (process.env.CRASH_SEEDS ?? "1-12").split("-").map(Number) as [number, number];

for (let seed = FIRST; seed <= LAST; seed++) {
  test(`seed ${seed}: power fails after every change of the disk in turn, and nothing that was acknowledged is lost`, async (t) => {
    const changes = await new CrashStory(seed).live();
    t.true(changes > 10);
    for (let at = 0; at <= changes; at++) {
      const story = new CrashStory(seed);
      await t.notThrowsAsync(async () => {
        await story.live({ powerFailsAfter: at });
        await story.check();
      }, `power fails after change ${at}`);
    }
  });
}

test("the power fails, or the process ends, again and again, also while the log is recovered", async (t) => {
  for (let seed = FIRST; seed <= LAST + 36; seed++) {
    const story = new CrashStory(seed);
    for (let life = 0; life < 25; life++) {
      const after = ((seed + life) * 7) % 41;
      await story.live((seed * 5 + life * 3) % 4 < 2 ? { powerFailsAfter: after } : { processEndsAfter: after });
    }
    await t.notThrowsAsync(async () => {
      await story.live();
      await story.check();
    }, `seed ${seed}`);
  }
});
