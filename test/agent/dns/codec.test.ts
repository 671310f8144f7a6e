import test from "ava";
import fc from "fast-check";
import { type DnsFormatCode, DnsFormatError } from "../../../src/agent/dns/format-error.js";
import type { DnsMessage } from "../../../src/agent/dns/message.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { encodeMessage } from "../../../src/agent/dns/message-writer.js";
import { encodeName, foldCase, nameKey, nameText, readName } from "../../../src/agent/dns/name.js";
import { anyMessage, anyName } from "./arbitraries.js";

test("a message survives the way to bytes and back", (t) => {
  fc.assert(
    fc.property(anyMessage, (message) => t.deepEqual(parseMessage(encodeMessage(message)), message)),
    {
      numRuns: 2000,
    },
  );
});

test("a name survives the way to bytes and back", (t) => {
  fc.assert(
    fc.property(anyName, (name) => {
      const wire = encodeName(name);
      t.deepEqual(readName(wire, 0), { name, end: wire.length });
    }),
  );
});

test("the answer of a Docker engine, byte by byte", (t) => {
  // `web` asked for with RD in a sandbox of Docker 20.10; one A record, TTL 600, flags 0x8180.
  const bytes = Buffer.from(
    "1a2b81800001000100000000" +
      "0377656200" +
      "00010001" +
      "0377656200" +
      "00010001" +
      "00000258" +
      "0004" +
      "0a000102",
    "hex",
  );
  const message = parseMessage(bytes);
  t.like(message.header, { id: 0x1a2b, response: true, recursionDesired: true, recursionAvailable: true, rcode: 0 });
  t.deepEqual(message.answers, [
    { name: "web", type: 1, class: 1, ttlSeconds: 600, data: { kind: "address", bytes: Buffer.of(10, 0, 1, 2) } },
  ]);
  t.is(encodeMessage(message).toString("hex"), `${bytes.toString("hex", 0, 21)}c00c${bytes.toString("hex", 26)}`);
});

const refused: readonly (readonly [title: string, code: DnsFormatCode, hex: string])[] = [
  ["a header that is cut off", "short", "000081800001"],
  ["a question that is cut off", "short", "000001000001000000000000" + "03776562"],
  ["a pointer to itself", "pointer", "000001000001000000000000" + "c00c" + "00010001"],
  ["a pointer forwards", "pointer", "000001000001000000000000" + "c010" + "00010001" + "00"],
  ["the old label types", "label-type", "000001000001000000000000" + "4177" + "00010001"],
  ["bytes behind the end", "trailing", "000001000000000000000000" + "00"],
  [
    "an address of five bytes",
    "data-length",
    "000081800000000100000000" + "00" + "00010001" + "00000000" + "0005" + "0102030405",
  ],
  ["an OPT record with a name", "opt", "000001000000000000000001" + "016100" + "00291000" + "00000000" + "0000"],
  ["two OPT records", "opt", "000001000000000000000002" + "0000291000000000000000" + "0000291000000000000000"],
  ["an OPT record among the answers", "opt", "000001000000000100000000" + "0000291000000000000000"],
  [
    "an EDNS option longer than its record",
    "data-length",
    "000001000000000000000001" + "00" + "00291000" + "00000000" + "0004" + "000a00ff",
  ],
];
for (const [title, code, hex] of refused) {
  test(`refused: ${title}`, (t) => {
    const error = t.throws(() => parseMessage(Buffer.from(hex, "hex")), { instanceOf: DnsFormatError });
    t.is(error?.code, code);
  });
}

test("names that no message can carry", (t) => {
  const codeOf = (name: string) => t.throws(() => encodeName(name), { instanceOf: DnsFormatError })?.code;
  t.is(codeOf("a".repeat(64)), "label-length");
  t.is(codeOf("a..b"), "label-length");
  t.is(codeOf(".a"), "label-length");
  t.is(codeOf("a."), "label-length");
  t.is(codeOf(`${"a".repeat(63)}.`.repeat(4).slice(0, -1)), "name-length");
  t.is(codeOf("a b"), "escape");
  t.is(codeOf("\\256"), "escape");
  t.is(codeOf("\\"), "escape");
  t.is(encodeName(`${"a".repeat(63)}.`.repeat(3) + "a".repeat(61)).length, 255);
});

test("values that their fields cannot hold", (t) => {
  const message = (header: object): DnsMessage => ({
    header: { ...parseMessage(Buffer.alloc(12)).header, ...header },
    questions: [],
    answers: [],
    authorities: [],
    additionals: [],
  });
  for (const header of [{ id: 65536 }, { id: -1 }, { rcode: 16 }, { opcode: 16 }]) {
    t.is(t.throws(() => encodeMessage(message(header)), { instanceOf: DnsFormatError })?.code, "range");
  }
});

test("keys fold ASCII letters alone, and drop the final dot", (t) => {
  t.is(nameKey("Web.Shop."), "web.shop");
  t.is(nameKey("café"), "caf\\195\\169");
  t.is(nameText("Web"), "Web");
  t.is(foldCase("\\195\\137A"), "\\195\\137a");
});

test("pointers of a chain each lead further back", (t) => {
  const message = Buffer.concat([
    Buffer.from("01610001", "hex"),
    Buffer.from("62c000", "hex"),
    Buffer.from("0163c003", "hex"),
  ]);
  t.deepEqual(readName(message, 7), { name: "c.b.a", end: 11 });
});
