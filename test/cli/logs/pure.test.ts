import test from "ava";
import fc from "fast-check";
import { LogMessage } from "../../../src/api/generated/docker/swarmkit/v1/logbroker.js";
import { ReorderWindow, WINDOW_MS } from "../../../src/cli/logs/reorder-window.js";
import { parseSince } from "../../../src/cli/logs/since.js";
import { MessageReader, writeMessage } from "../../../src/cli/rpc/framing.js";

const NOW_MS = Date.UTC(2026, 0, 31, 12, 0, 0);

test("points in time, as Docker reads them", (t) => {
  const at = (year: number, ...rest: number[]) => Date.UTC(year, ...(rest as [number])) / 1000;
  const table: readonly [text: string, seconds: number, nanos: number][] = [
    ["2013-01-02T13:23:37Z", at(2013, 0, 2, 13, 23, 37), 0],
    ["2013-01-02T13:23:37.25+02:00", at(2013, 0, 2, 11, 23, 37), 250_000_000],
    ["2013-01-02T13:23:37.123456789Z", at(2013, 0, 2, 13, 23, 37), 123_456_789],
    ["1136073600", 1_136_073_600, 0],
    ["1136073600.000000001", 1_136_073_600, 1],
    ["0", 0, 0],
    ["10m", NOW_MS / 1000 - 600, 0],
    ["1h30m", NOW_MS / 1000 - 5400, 0],
    ["500ms", NOW_MS / 1000 - 1, 500_000_000],
  ];
  for (const [text, seconds, nanos] of table)
    t.deepEqual(parseSince(text, "--since", NOW_MS), { seconds, nanos }, text);
  const zoneless = parseSince("2013-01-02T13:23", "--since", NOW_MS);
  t.is(zoneless.seconds * 1000, new Date(2013, 0, 2, 13, 23).getTime(), "the zone of this host");
  t.is(parseSince("2013-01-02", "--since", NOW_MS).seconds * 1000, new Date(2013, 0, 2).getTime());
  for (const text of ["", "yesterday", "-5m", "2013-13-02T00:00:00Z", "10 m", "12345678901234567890"]) {
    t.throws(() => parseSince(text, "--since", NOW_MS), { message: /^--since: / }, text);
  }
});

const message = (nanos: number) => LogMessage.fromPartial({ timestamp: { seconds: 0, nanos } });

test("a line that took longer finds its place among those that are held", (t) => {
  const window = new ReorderWindow();
  const nanos = (messages: readonly LogMessage[]) => messages.map(({ timestamp }) => timestamp!.nanos);
  window.push([message(30), message(40)], 0);
  t.deepEqual(window.take(WINDOW_MS - 1), []);
  window.push([message(10), message(35), message(50)], WINDOW_MS - 1);
  t.deepEqual(nanos(window.take(WINDOW_MS)), [10, 30, 35, 40], "what is due, and all that is older");
  t.deepEqual(nanos(window.takeAll()), [50]);
  t.true(window.isEmpty);
});

test("a window holds every line for its time at most, drops none, and never more than some thousands", (t) => {
  const steps = fc.array(fc.tuple(fc.nat(300), fc.array(fc.nat(1000), { maxLength: 5 })), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (plan) => {
      const window = new ReorderWindow();
      const came = new Map<LogMessage, number>();
      let now = 0;
      let out = 0;
      for (const [pauseMs, times] of plan) {
        now += pauseMs;
        for (const one of window.take(now)) {
          out++;
          came.delete(one);
        }
        for (const at of came.values()) t.true(now - at < WINDOW_MS);
        const messages = times.map(message);
        window.push(messages, now);
        for (const one of messages) came.set(one, now);
      }
      out += window.takeAll().length;
      t.is(out, plan.flatMap(([, times]) => times).length);
    }),
  );
  const window = new ReorderWindow();
  window.push(
    Array.from({ length: 10_000 }, (_, at) => message(at)),
    0,
  );
  t.is(window.take(0).length, 10_000 - 4096);
});

test("messages come out of a stream whole, whatever pieces it comes in", (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (messages, sizes) => {
        const bytes = Buffer.concat(messages.map(writeMessage));
        const reader = new MessageReader(1000);
        const out: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          out.push(...reader.read(bytes.subarray(at, at + size)));
          at += size;
        }
        t.deepEqual(
          out.map((one) => [...one]),
          messages.map((one) => [...one]),
        );
      },
    ),
  );
  const reader = () => new MessageReader(10);
  t.throws(() => [...reader().read(writeMessage(Buffer.alloc(11)))], { message: /longer than 10 bytes/ });
  t.throws(() => [...reader().read(Buffer.from([1, 0, 0, 0, 0]))], { message: /compressed/ });
});
