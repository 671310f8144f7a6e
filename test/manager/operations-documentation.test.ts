/** docs/operations.md says nothing that is not tried: each sentence names a test, and each test is there. */
import test from "ava";
import {
  UpdateConfig_FailureAction as FailureAction,
  RestartPolicy_RestartCondition as RestartCondition,
  UpdateConfig_UpdateOrder as UpdateOrder,
} from "../../src/api/generated/docker/swarmkit/v1/types.js";
import { durationMs } from "../../src/api/time.js";
import { ADDRESS_REST_MS } from "../../src/manager/allocator/offset-pool.js";
import { HeartbeatPeriod } from "../../src/manager/dispatcher/heartbeat-period.js";
import { DEFAULT_RESTART, DEFAULT_UPDATE, stopGraceMs } from "../../src/manager/orchestrator/defaults.js";
import { historyLimitOf } from "../../src/manager/orchestrator/desk-view.js";
import { LOSS_WINDOW_MS, maxLosses } from "../../src/manager/orchestrator/partition-guard.js";
import { DEFAULT_PROGRESS_DEADLINE_MS } from "../../src/manager/orchestrator/progress-deadline.js";
import { MANY_FAILURES } from "../../src/manager/scheduler/recent-failures.js";
import { chapters, checkNames, entries, namedTests } from "../named-tests.js";
import { sourceText } from "../sources.js";

const PAGE = "docs/operations.md";
const DEFAULTS = "Defaults and limits";
/** What to do rests on the chapters before it. */
const ADVICE = "What to do when";

test("every test that the page on operations names is there", (t) => {
  const { named, unread, unknown } = checkNames(PAGE);
  t.true(named > 100);
  t.is(unread, 0, "each is read whole");
  t.deepEqual(unknown, []);
});

test("whatever the page says of how the cluster behaves is tried, each of it", (t) => {
  const [, ...all] = chapters(PAGE);
  const behaviour = all.filter(([title]) => title !== DEFAULTS && title !== ADVICE);
  t.true(behaviour.length >= 10);
  for (const [title, chapter] of behaviour) {
    const list = entries(chapter);
    t.true(list.length >= 3, title);
    t.deepEqual(
      list.filter((entry) => namedTests(entry).length === 0),
      [],
    );
  }
  t.deepEqual(
    rows().filter(([, , , names]) => namedTests(names ?? "").length === 0),
    [],
    "defaults and limits too",
  );
});

test("the page's defaults are the sources'", (t) => {
  const seconds = (ms: number) => `${ms / 1000} s`;
  const minutes = (ms: number) => `${ms / 60_000} min`;
  const of = (duration: Parameters<typeof durationMs>[0]) => durationMs(duration, 0);
  const heartbeat = new HeartbeatPeriod().settings;
  const { condition, delay, maxAttempts, window } = DEFAULT_RESTART;
  const { parallelism, monitor, maxFailureRatio, failureAction, order } = DEFAULT_UPDATE;
  const none = (value: number) => (value === 0 ? "none" : String(value));
  t.is(maxLosses(2), 2);
  t.is(maxLosses(100), 50);
  const values: Readonly<Record<string, string>> = {
    "restart: condition, delay": `${RestartCondition[condition].toLowerCase()}, ${seconds(of(delay))}`,
    "restart: attempts, window": `${maxAttempts === 0 ? "no limit" : maxAttempts}, ${of(window) === 0 ? "for ever" : of(window)}`,
    "update and rollback: slots at once": String(parallelism),
    "update and rollback: delay between slots": none(of(DEFAULT_UPDATE.delay)),
    "update and rollback: monitor": seconds(of(monitor)),
    "update and rollback: failures that are tolerated": none(maxFailureRatio),
    "update and rollback: when it fails": FailureAction[failureAction].toLowerCase(),
    "update and rollback: order": UpdateOrder[order].toLowerCase().replace("_", "-"),
    "update: progress deadline": minutes(DEFAULT_PROGRESS_DEADLINE_MS),
    "stop: grace period": seconds(stopGraceMs(undefined)),
    "history of a slot": `${historyLimitOf(undefined)} tasks`,
    heartbeat: `${seconds(heartbeat.periodMs)}, a tenth more or less`,
    "silence until a node is down": `${heartbeat.graceFactor} heartbeats`,
    "nodes that are given up at once": `half, two at least, within ${minutes(LOSS_WINDOW_MS)}`,
    "failures that put a node last": `${MANY_FAILURES} in 5 min, of one version`,
    "rest of an address": minutes(ADDRESS_REST_MS),
  };
  const page = new Map(rows().map(([what, value]) => [what!, value!]));
  for (const [what, value] of Object.entries(values)) t.is(page.get(what), value, what);
  const checkedHere = rows().filter(([, , , names]) =>
    namedTests(names!).includes("the page's defaults are the sources'"),
  );
  t.deepEqual(
    checkedHere.map(([what]) => what).filter((what) => values[what!] === undefined),
    [],
  );
});

test("flags that the page on operations names are documented", (t) => {
  const known = sourceText("docs/tsctl.md");
  const flags = new Set(sourceText(PAGE).match(/--[a-z][a-z-]+/g));
  t.true(flags.size > 20);
  t.deepEqual(
    [...flags].filter((flag) => !known.includes(`\`${flag}`) && !known.includes(` ${flag} `)),
    [],
  );
});

/** Of the table of defaults, without its head. */
function rows(): readonly (readonly string[])[] {
  return chapters(PAGE)
    .get(DEFAULTS)!
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(1)
    .map((line) => line.slice(2, -2).split(" | "));
}
