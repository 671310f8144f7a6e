import test from "ava";
import {
  deadlineText,
  parseProgressDeadline,
  progressDeadlineMs,
} from "../../../src/manager/orchestrator/progress-deadline.js";
import { replicated } from "./service-model.js";

const FOR_EVER = Number.POSITIVE_INFINITY;

test("durations as people write them", (t) => {
  const table: readonly (readonly [text: string, ms: number | undefined])[] = [
    ["10m", 600_000],
    ["90s", 90_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["0", FOR_EVER],
    ["0s", FOR_EVER],
    ["99999999h", FOR_EVER],
    ["", undefined],
    ["10", undefined],
    ["-5s", undefined],
    ["5 s", undefined],
    ["soon", undefined],
    ["1m 5s", undefined],
  ];
  for (const [text, ms] of table) t.is(parseProgressDeadline(text), ms, JSON.stringify(text));
});

test("they are told as they are written", (t) => {
  for (const text of ["10m", "90s", "1h30m", "250ms", "1h", "45s"]) {
    const ms = parseProgressDeadline(text)!;
    t.is(parseProgressDeadline(deadlineText(ms)), ms, deadlineText(ms));
  }
  t.is(deadlineText(600_000), "10m");
  t.is(deadlineText(90_000), "1m30s");
});

test("ten minutes, unless the service says something else that can be read", (t) => {
  const labelled = (text: string) =>
    replicated(1, { annotations: { name: "web", labels: { "tswarm.update.progress-deadline": text } } });
  t.is(progressDeadlineMs(replicated(1)), 600_000);
  t.is(progressDeadlineMs(labelled("20s")), 20_000);
  t.is(progressDeadlineMs(labelled("0")), FOR_EVER);
  t.is(progressDeadlineMs(labelled("whenever")), 600_000);
});
