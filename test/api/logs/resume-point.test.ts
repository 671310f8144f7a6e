import test from "ava";
import fc from "fast-check";
import { LogMessage, LogStream } from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { nanosOf, timestampOfNanos } from "../../../src/api/logs/log-time.js";
import { notice } from "../../../src/api/logs/notice.js";
import { ResumePoint } from "../../../src/api/logs/resume-point.js";
import { linesOfTail, tailOf } from "../../../src/api/logs/tail.js";

const line = (taskId: string, nanos: number, text = "", stream = LogStream.LOG_STREAM_STDOUT) =>
  LogMessage.fromPartial({
    context: { taskId },
    timestamp: timestampOfNanos(BigInt(nanos)),
    stream,
    data: Buffer.from(text),
  });

test("after a break a log that is read again from any earlier line gives what is new, and nothing twice", (t) => {
  const log = fc.array(fc.tuple(fc.constantFrom("a", "b"), fc.integer({ min: 0, max: 3 })), { maxLength: 30 });
  fc.assert(
    fc.property(log, fc.nat(30), fc.nat(30), (steps, first, back) => {
      let now = 0;
      const lines = steps.map(([task, step], number) => {
        now += step;
        return line(task, now, String(number));
      });
      const read = Math.min(first, lines.length);
      const point = new ResumePoint();
      const taken = lines.slice(0, read).filter((one) => point.take(one));
      t.is(taken.length, read, "without a break all are new");
      point.broke();
      // Asked for by time: lines of the same time come together.
      const from = lines[Math.max(0, read - back)]?.timestamp;
      const again = lines.filter(({ timestamp }) => nanosOf(timestamp) >= nanosOf(from));
      taken.push(...again.filter((one) => point.take(one)));
      t.deepEqual(taken.map(({ data }) => data.toString()).sort(), lines.map(({ data }) => data.toString()).sort());
    }),
  );
});

test("a clock that was set back loses no line", (t) => {
  const point = new ResumePoint();
  t.true(point.take(line("a", 100)));
  t.true(point.take(line("a", 50)));
  point.broke();
  t.false(point.take(line("a", 100)));
  t.true(point.take(line("a", 101)));
  t.true(point.take(line("a", 40)), "new ground was reached");
});

test("what is asked for again begins a little before the newest line; notices count for nothing", (t) => {
  const point = new ResumePoint();
  t.is(point.since, undefined);
  t.true(point.take(notice({ nodeId: "n", serviceId: "", taskId: "" }, "down", 7000)));
  t.is(point.since, undefined);
  point.take(line("a", 60e9));
  point.take(line("a", 59e9));
  t.deepEqual(point.since, { seconds: 55, nanos: 0 });
  t.true(point.take(line("a", 60e9, "", LogStream.LOG_STREAM_STDERR)));
});

test("tail is SwarmKit's number", (t) => {
  t.is(tailOf(0), -1);
  t.is(tailOf(10), -11);
  t.deepEqual([0, -1, -11].map(linesOfTail), [undefined, 0, 10]);
});
