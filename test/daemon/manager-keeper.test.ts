/** The manager's process, kept running: with a program that does what the test says. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ManagerKeeper } from "../../src/daemon/manager-keeper.js";
import type { ManagerStart } from "../../src/daemon/start-plan.js";

const PROGRAM = resolve(import.meta.dirname, "../../../test/daemon/scripted-manager.mjs");
const FIRST: ManagerStart = { join: ["first:1"], forceNewCluster: false };

/** @param runs what each run of the program does */
function keep(t: ExecutionContext, ...runs: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), "tswarm-keeper-"));
  const script = join(directory, "script");
  writeFileSync(script, runs.join("\n"));
  const events: string[] = [];
  const waiting = new Map<string, () => void>();
  const note = (event: string) => {
    events.push(event);
    for (const [text, wake] of waiting) if (event.includes(text)) wake();
  };
  const keeper = new ManagerKeeper({
    program: PROGRAM,
    flags: (start) => [script, ...start.join],
    restart: () => ({ join: ["again:1"], forceNewCluster: false }),
    onServing: (serving) => note(serving ? "serving" : "not serving"),
    onRemoved: () => note("removed"),
    log: note,
    managerLog: (line) => note(`manager: ${line}`),
    pauses: { firstMs: 1, lastMs: 4, goodRunMs: 60_000 },
  });
  t.teardown(async () => {
    await keeper.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  return {
    keeper,
    events,
    /** The flags of each run. */
    runs: () => readFileSync(`${script}.runs`, "utf8").trimEnd().split("\n"),
    until: (text: string, times = 1) =>
      new Promise<void>((wake) => {
        const look = () => {
          if (events.filter((event) => event.includes(text)).length >= times) wake();
        };
        waiting.set(text, look);
        look();
      }),
  };
}

test("a manager that cannot start for the first time ends that with its own line, and is not kept", async (t) => {
  const { keeper, events } = keep(t, "fail");
  await t.throwsAsync(keeper.begin(FIRST), { message: "the disk is full" });
  t.false(keeper.isKept);
  t.deepEqual(events, ["manager: tswarm-manager: the disk is full"]);
});

test("one that dies later is started again, with growing pauses, however it dies", async (t) => {
  const { keeper, events, runs, until } = keep(t, "ready die", "fail", "ready fail", "die", "ready");
  await keeper.begin(FIRST);
  await until("serving", 5);
  await until("next start", 4);
  t.deepEqual(
    events.filter((event) => event.startsWith("the manager ended")),
    [
      "the manager ended: ended by SIGKILL; next start in 1 ms",
      "the manager ended: the disk is full; next start in 2 ms",
      "the manager ended: the disk is full; next start in 4 ms",
      "the manager ended: ended by SIGKILL; next start in 4 ms",
    ],
  );
  t.true(keeper.isKept);
  await until("serving", 7);
  t.deepEqual(runs(), ["first:1", "again:1", "again:1", "again:1", "again:1"]);
});

test("one that was taken out of the cluster is not started again", async (t) => {
  const { keeper, events, runs, until } = keep(t, "ready removed", "ready");
  await keeper.begin(FIRST);
  await until("removed", 2);
  await keeper.stop();
  t.false(keeper.isKept);
  t.is(events.at(-1), "removed");
  t.is(runs().length, 1);
  keeper.promote(FIRST);
  await until("serving", 3);
  t.is(runs().length, 2, "unless the node is made a manager again");
});

test("one that was taken out while it was down is no failure of the start", async (t) => {
  const { keeper, until } = keep(t, "removed");
  await keeper.begin(FIRST);
  await until("removed");
  t.false(keeper.isKept);
});

test("a locked one serves: what opens it is said", async (t) => {
  const { keeper, events } = keep(t, "locked");
  await keeper.begin(FIRST);
  t.regex(events.join("\n"), /the manager is locked: "tsctl unlock"[^\n]*\nserving/);
});

test("a node that is made a manager while it runs tries again until the manager comes up", async (t) => {
  const { keeper, runs, until } = keep(t, "fail", "fail", "ready");
  keeper.promote(FIRST);
  keeper.promote(FIRST);
  await until("not serving", 2);
  await until("serving", 3);
  t.deepEqual(runs(), ["first:1", "again:1", "again:1"]);
});

test("stopped and made a manager again at once: the first run has ended before the second begins", async (t) => {
  const { keeper, events, until } = keep(t, "ready", "ready");
  await keeper.begin(FIRST);
  const stopped = keeper.stop();
  keeper.promote(FIRST);
  await stopped;
  await until("serving", 3);
  t.deepEqual(events, ["serving", "not serving", "serving"]);
});
