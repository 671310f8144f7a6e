import test from "ava";
import { readHealthSpec } from "../../../src/agent/health/health-spec.js";
import { afterCheck, type HealthState, pauseMs } from "../../../src/agent/health/health-state.js";
import { unhealthyText } from "../../../src/agent/health/health-text.js";
import { HealthConfig } from "../../../src/api/generated/docker/swarmkit/v1/types.js";

const times = { intervalMs: 30_000, timeoutMs: 2000, retries: 3, startPeriodMs: 0, startIntervalMs: 5000 };
const fail = (reason: string): never => {
  throw new Error(reason);
};
const read = (config: Parameters<typeof HealthConfig.fromPartial>[0]) =>
  readHealthSpec(HealthConfig.fromPartial(config), fail);

test("what a specification leaves out has Docker's defaults", (t) => {
  t.deepEqual(read({ test: ["CMD", "check", "it"] }), {
    command: ["check", "it"],
    times: { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0, startIntervalMs: 5000 },
  });
});

test("a line for the shell goes to the shell, and all numbers are taken over", (t) => {
  const spec = read({
    test: ["CMD-SHELL", "curl -f localhost || exit 1"],
    interval: { seconds: 1, nanos: 500_000_000 },
    timeout: { seconds: 2, nanos: 0 },
    retries: 1,
    startPeriod: { seconds: 60, nanos: 0 },
    startInterval: { seconds: 0, nanos: 1 },
  });
  t.deepEqual(spec, {
    command: ["/bin/sh", "-c", "curl -f localhost || exit 1"],
    times: { intervalMs: 1500, timeoutMs: 2000, retries: 1, startPeriodMs: 60_000, startIntervalMs: 1 },
  });
});

test("no test and NONE mean no check", (t) => {
  t.is(read({}), undefined);
  t.is(read({ test: ["NONE"] }), undefined);
  t.is(readHealthSpec(undefined, fail), undefined);
});

const refused = [
  [["CMD"], /no command/],
  [["CMD-SHELL"], /no command/],
  [["CMD-SHELL", "a", "b"], /one line for the shell/],
  [["curl", "localhost"], /CMD, CMD-SHELL or NONE, not curl/],
  [["CMD", "a\0b"], /NUL/],
] as const;
for (const [words, reason] of refused) {
  test(`refused: ${JSON.stringify(words)}`, (t) => {
    t.throws(() => read({ test: [...words] }), { message: reason });
  });
}

/** A story: "x" a failed check, "." a good one; each at its time. */
function live(story: string, changed: Partial<typeof times> = {}, stepMs = 1000): readonly string[] {
  let state: HealthState = { phase: "starting", failures: 0 };
  return [...story].map((sign, at) => {
    state = afterCheck(state, { ...times, ...changed }, sign === ".", at * stepMs);
    return `${state.phase} ${state.failures}`;
  });
}

const stories = [
  ["one good check makes a task healthy", ".", {}, ["healthy 0"]],
  ["a task that is never healthy fails after the retries", "xxx", {}, ["starting 1", "starting 2", "unhealthy 3"]],
  [
    "a good check forgets the failures before it",
    "xx.xx.xxx",
    {},
    [
      ...["starting 1", "starting 2", "healthy 0", "healthy 1", "healthy 2", "healthy 0"],
      ...["healthy 1", "healthy 2", "unhealthy 3"],
    ],
  ],
  [
    "failures within the start period do not count",
    "xxxx",
    { startPeriodMs: 3000, retries: 1 },
    ["starting 0", "starting 0", "starting 0", "unhealthy 1"],
  ],
  [
    "they count once the task has been healthy, also within the start period",
    ".xx",
    { startPeriodMs: 60_000, retries: 2 },
    ["healthy 0", "healthy 1", "unhealthy 2"],
  ],
  ["unhealthy is for good", "x.", { retries: 1 }, ["unhealthy 1", "unhealthy 1"]],
] as const;
for (const [title, story, changed, expected] of stories) {
  test(title, (t) => t.deepEqual(live(story, changed), expected));
}

test("the start interval holds within the start period until the task is healthy", (t) => {
  const own = { ...times, startPeriodMs: 10_000 };
  t.is(pauseMs({ phase: "starting", failures: 0 }, own, 0), 5000);
  t.is(pauseMs({ phase: "starting", failures: 0 }, own, 9999), 5000);
  t.is(pauseMs({ phase: "starting", failures: 0 }, own, 10_000), 30_000);
  t.is(pauseMs({ phase: "healthy", failures: 0 }, own, 1), 30_000);
  t.is(pauseMs({ phase: "starting", failures: 0 }, times, 0), 30_000);
});

test("the reason is one line of bounded length without control characters", (t) => {
  t.is(
    unhealthyText(3, { status: 7, output: "curl: (7)\n\u001b[31mrefused\t\u0007now\r\n" }, 2000),
    "task: unhealthy: 3 checks in a row failed, the last ended with 7: curl: (7) [31mrefused now",
  );
  t.is(unhealthyText(1, { status: undefined, output: "" }, 1500), "task: unhealthy: the check took longer than 1.5s");
  const long = unhealthyText(2, { status: 1, output: "y".repeat(4096) }, 10);
  t.true(long.endsWith(`${"y".repeat(400)}…`));
  t.true(long.length < 500);
});
