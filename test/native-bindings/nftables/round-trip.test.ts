import { isDeepStrictEqual } from "node:util";
import test from "ava";
import fc from "fast-check";
import { type NetlinkMessage, parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { NftBatch } from "../../../native-bindings/nftables/batch.js";
import { decodeComment, encodeComment } from "../../../native-bindings/nftables/comment.js";
import { parseChain, parseElements, parseRule, parseSet } from "../../../native-bindings/nftables/object-reader.js";
import { anyChain, anyElements, anyRule, anySet } from "./arbitraries.js";

const RUNS = { numRuns: 500 };

test("rules read back as they were written", (t) => {
  fc.assert(
    fc.property(anyRule, (rule) => same(parseRule(onlyMessage(new NftBatch().addRule(rule))), rule)),
    RUNS,
  );
  t.pass();
});

test("chains read back as they were written", (t) => {
  fc.assert(
    fc.property(anyChain, (chain) => same(parseChain(onlyMessage(new NftBatch().addChain(chain))), chain)),
    RUNS,
  );
  t.pass();
});

test("sets read back as they were written", (t) => {
  fc.assert(
    fc.property(anySet, (set) => same(parseSet(onlyMessage(new NftBatch().addSet(set))), set)),
    RUNS,
  );
  t.pass();
});

test("elements read back as they were written, over as many messages as they take", (t) => {
  fc.assert(
    fc.property(anyElements, (elements) => {
      const batch = new NftBatch().addElements({ family: "ip", table: "t", name: "s" }, elements);
      const read = changes(batch).flatMap((message) => parseElements(message).elements);
      return same(read, elements);
    }),
    { numRuns: 200 },
  );
  t.pass();
});

test("comments read back as they were written; other user data holds none", (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 30, unit: "grapheme" }), (comment) => {
      fc.pre(!comment.includes("\0"));
      return decodeComment(encodeComment(comment)) === comment;
    }),
    RUNS,
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const comment = decodeComment(bytes);
      return comment === undefined || typeof comment === "string";
    }),
    RUNS,
  );
  t.is(decodeComment(undefined), undefined);
  t.is(decodeComment(Buffer.from([0, 9, 65])), undefined);
  t.throws(() => encodeComment("x".repeat(128)), { instanceOf: RangeError });
});

function changes(batch: NftBatch): NetlinkMessage[] {
  return parseMessages(batch.finish().bytes()).slice(1, -1);
}

function onlyMessage(batch: NftBatch): NetlinkMessage {
  const [message, ...rest] = changes(batch);
  if (!message || rest.length > 0) throw new Error("not exactly one message");
  return message;
}

/** Equal but for fields that are there with the value `undefined`. */
function same(actual: unknown, expected: unknown): boolean {
  return isDeepStrictEqual(plain(actual), plain(expected));
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([key, field]) => [key, plain(field)]),
  );
}
