import test from "ava";
import fc from "fast-check";
import { FrameReader, frame } from "../../../src/agent/dns/tcp-framing.js";

test("messages come out of a stream as they went in, however it is cut", (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (messages, cuts) => {
        const stream = Buffer.concat(messages.map((message) => frame(Buffer.from(message))));
        const reader = new FrameReader();
        const found: Buffer[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const next = at + cuts[cut % cuts.length]!;
          found.push(...reader.push(stream.subarray(at, next)));
          at = next;
        }
        t.deepEqual(
          found.map((message) => message.toString("hex")),
          messages.map((message) => Buffer.from(message).toString("hex")),
        );
      },
    ),
  );
});

test("a message over 65,535 bytes has no frame", (t) => {
  t.throws(() => frame(Buffer.alloc(65_536)), { instanceOf: RangeError });
});
