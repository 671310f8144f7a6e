import test from "ava";
import fc from "fast-check";
import { NLA_F_NESTED, NLMSG_ERROR } from "../../../native-bindings/netlink/constants.js";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import {
  forEachAttribute,
  parseAttributes,
  parseMessages,
  readI32,
  readString,
  readU8,
  readU16,
  readU16be,
  readU32,
  readU32be,
  readU64,
  readU64be,
} from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { parseAcknowledgement } from "../../../native-bindings/netlink/socket.js";
import { parseMutants } from "../mutate.js";
import { acknowledgement, datagram } from "./scripted-kernel.js";

test("every kind of attribute comes back", (t) => {
  fc.assert(
    fc.property(
      fc.nat(0xff),
      fc.nat(0xffff),
      fc.nat(0xffffffff),
      fc.integer(),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.string({ unit: fc.constantFrom("a", "é", "漢", " ") }),
      fc.uint8Array({ maxLength: 40 }),
      (u8, u16, u32, i32, u64, text, bytes) => {
        const writer = new MessageWriter(16);
        writer
          .begin(1, 2)
          .attrU8(1, u8)
          .attrU16(2, u16)
          .attrU16be(3, u16)
          .attrU32(4, u32)
          .attrU32be(5, u32)
          .attrI32(6, i32);
        writer.attrU64(7, u64).attrU64be(8, u64).attrString(9, text).attrBytes(10, bytes).attrFlag(11).end();
        const [message] = parseMessages(writer.bytes());
        const found = parseAttributes(message!.payload);
        t.is(readU8(found.get(1)!), u8);
        t.is(readU16(found.get(2)!), u16);
        t.is(readU16be(found.get(3)!), u16);
        t.is(readU32(found.get(4)!), u32);
        t.is(readU32be(found.get(5)!), u32);
        t.is(readI32(found.get(6)!), i32);
        t.is(readU64(found.get(7)!), u64);
        t.is(readU64be(found.get(8)!), u64);
        t.is(readString(found.get(9)!), text);
        t.deepEqual([...found.get(10)!], [...bytes]);
        t.is(found.get(11)?.length, 0);
      },
    ),
  );
});

test("messages one behind the other start at multiples of four", (t) => {
  const writer = new MessageWriter(8);
  for (const size of [0, 1, 2, 3, 4])
    writer
      .begin(size + 1, 0)
      .zeroes(size)
      .end();
  t.deepEqual(
    parseMessages(writer.bytes()).map(({ type, payload }) => [type, payload.length]),
    [
      [1, 0],
      [2, 1],
      [3, 2],
      [4, 3],
      [5, 4],
    ],
  );
  t.is(writer.messageCount, 5);
  t.is(writer.length, 5 * 16 + 4 * 4);
});

test("nests carry the flag unless told otherwise, and lists keep their order", (t) => {
  const writer = new MessageWriter();
  writer.begin(1, 0);
  const list = writer.nestBegin(5);
  writer.attrU8(1, 10).attrU8(1, 20).nestEnd(list);
  const plain = writer.nestBegin(6, false);
  writer.nestEnd(plain).end();
  const { payload } = parseMessages(writer.bytes())[0]!;
  t.is(payload.readUInt16LE(2), 5 | NLA_F_NESTED);
  const seen: number[] = [];
  forEachAttribute(parseAttributes(payload).get(5)!, 0, (_, value) => seen.push(value[0]!));
  t.deepEqual(seen, [10, 20]);
  t.is(parseAttributes(payload).get(6)?.length, 0);
});

test("what does not fit a length field is refused when it is written", (t) => {
  const writer = new MessageWriter();
  writer.begin(1, 0);
  t.throws(() => writer.attrBytes(1, Buffer.alloc(65_532)), { instanceOf: RangeError });
  const nest = writer.nestBegin(2);
  writer.attrBytes(1, Buffer.alloc(40_000)).attrBytes(1, Buffer.alloc(40_000));
  t.throws(() => writer.nestEnd(nest), { instanceOf: RangeError });
});

test("a message must be ended before the next one begins", (t) => {
  const writer = new MessageWriter();
  t.throws(() => writer.end(), { message: "no message was begun" });
  writer.begin(1, 0);
  t.throws(() => writer.begin(1, 0), { message: "the message before this one was not ended" });
  writer.reset();
  t.notThrows(() => writer.begin(1, 0).end());
});

for (const [name, bytes] of [
  ["a header cut short", "10000000"],
  ["a length below the header's", "0f00000001000000000000000000000000"],
  ["a length beyond the datagram", "14000000010000000000000000000000"],
] as const) {
  test(`${name} is refused`, (t) => {
    t.throws(() => parseMessages(Buffer.from(bytes, "hex")), { instanceOf: NetlinkFormatError });
  });
}

for (const [name, bytes] of [
  ["an attribute shorter than its header", "03000100"],
  ["an attribute longer than the rest", "09000100aabbccdd"],
  ["stray bytes", "0400010000"],
] as const) {
  test(`${name} is refused`, (t) => {
    t.throws(() => parseAttributes(Buffer.from(bytes, "hex")), { instanceOf: NetlinkFormatError });
  });
}

test("a payload that is too short for its type is refused", (t) => {
  for (const read of [readU8, readU16, readU16be, readU32, readU32be, readI32, readU64, readU64be]) {
    t.throws(() => read(Buffer.alloc(0)), { instanceOf: NetlinkFormatError });
  }
});

test("an error's text and place are those of the kernel, whether the request comes along or not", (t) => {
  const request = Buffer.alloc(22, 7);
  request.writeUInt32LE(22, 0);
  const texts = Buffer.from("0a0001006e6f2077617900000800020018000000", "hex");
  const errno = Buffer.from("eeffffff", "hex");
  const full = datagram(NLMSG_ERROR, 0x200, 1, Buffer.concat([errno, request, Buffer.alloc(2), texts]));
  const capped = datagram(NLMSG_ERROR, 0x300, 1, Buffer.concat([errno, request.subarray(0, 16), texts]));
  for (const bytes of [full, capped]) {
    const error = parseAcknowledgement("do it", parseMessages(bytes)[0]!);
    t.is(error?.kernelText, "no way");
    t.is(error?.offset, 24);
    t.is(error?.errno, 18);
  }
});

test("100,000 mutated datagrams are read or refused as malformed, nothing else", (t) => {
  const writer = new MessageWriter();
  writer.begin(16, 0x605).zeroes(16).attrString(3, "br0");
  const nest = writer.nestBegin(18);
  writer.attrString(1, "bridge").nestEnd(nest).end();
  writer.begin(17, 5).zeroes(16).end();
  const withText = datagram(
    NLMSG_ERROR,
    0x200,
    3,
    Buffer.from("eeffffff1000000000000000000000000000000a0a0001006e6f207761790000", "hex"),
  );
  const count = parseMutants({
    samples: [Buffer.from(writer.bytes()), acknowledgement(7, 17), withText],
    parse(bytes) {
      for (const message of parseMessages(bytes)) {
        if (message.type === NLMSG_ERROR) parseAcknowledgement("do it", message);
        else parseAttributes(message.payload, 16);
      }
    },
    isExpected: (error) => error instanceof NetlinkFormatError,
  });
  t.true(count.parsed > 1000, `${count.parsed} parsed`);
  t.true(count.refused > 1000, `${count.refused} refused`);
});
