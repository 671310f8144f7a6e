import test from "ava";
import fc from "fast-check";
import * as ct from "../../../native-bindings/conntrack/constants.js";
import {
  type ConntrackEntry,
  parseConntrackEntry,
  writeConntrackDump,
  writeConntrackEntry,
  writeConntrackFlush,
  writeConntrackKey,
} from "../../../native-bindings/conntrack/entry.js";
import { describeTuple, type Tuple } from "../../../native-bindings/conntrack/tuple.js";
import { AF_INET, AF_INET6 } from "../../../native-bindings/libc.js";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import { parseAttributes, parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { parseMutants } from "../mutate.js";

const u32 = fc.nat(0xffffffff);
const port = fc.nat(0xffff);
const ipv6 = fc.constantFrom("::1", "fd00::5", "2001:db8::1:0:0:1");

const tuple = (address: fc.Arbitrary<string>): fc.Arbitrary<Tuple> =>
  fc.oneof(
    fc.record({
      source: address,
      destination: address,
      protocol: fc.constantFrom(ct.IPPROTO_TCP, ct.IPPROTO_UDP, ct.IPPROTO_SCTP),
      sourcePort: port,
      destinationPort: port,
    }),
    fc.record({
      source: address,
      destination: address,
      protocol: fc.constantFrom(1, ct.IPPROTO_ICMPV6),
      icmpId: port,
      icmpType: fc.nat(255),
      icmpCode: fc.nat(255),
    }),
  );

const entryOf = (address: fc.Arbitrary<string>): fc.Arbitrary<ConntrackEntry> =>
  fc.record(
    {
      original: tuple(address),
      reply: tuple(address),
      status: u32,
      timeoutSeconds: u32,
      mark: u32,
      id: u32,
      zone: port,
      tcpState: fc.nat(255),
    },
    { requiredKeys: ["original", "reply", "status", "mark", "zone"] },
  );
const entry = fc.oneof(entryOf(fc.ipV4()), entryOf(ipv6));

function payloadOf(write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter();
  writer.begin(ct.CT_NEW, 0);
  write(writer);
  writer.end();
  return Buffer.from(parseMessages(writer.bytes())[0]!.payload);
}

test("entry: object, bytes, object; and bytes, object, bytes", (t) => {
  fc.assert(
    fc.property(entry, (value) => {
      const bytes = payloadOf((writer) => writeConntrackEntry(writer, value));
      const parsed = parseConntrackEntry(bytes);
      t.deepEqual(parsed, value);
      t.true(payloadOf((writer) => writeConntrackEntry(writer, parsed)).equals(bytes));
    }),
    { numRuns: 300 },
  );
});

const udp: Tuple = {
  source: "10.0.0.2",
  destination: "10.9.9.9",
  protocol: 17,
  sourcePort: 40000,
  destinationPort: 53,
};

test("a key is the original tuple, with id and zone where they are known", (t) => {
  const types = (bytes: Buffer) => [...parseAttributes(bytes, ct.NFGENMSG_BYTES).keys()];
  t.deepEqual(types(payloadOf((writer) => writeConntrackKey(writer, { original: udp }))), [ct.CTA_TUPLE_ORIG]);
  const full = payloadOf((writer) => writeConntrackKey(writer, { original: udp, id: 7, zone: 3 }));
  t.deepEqual(types(full), [ct.CTA_TUPLE_ORIG, ct.CTA_ID, ct.CTA_ZONE]);
  t.is(full.readUInt8(0), AF_INET);
});

test("a filter names the parts of the tuples that count", (t) => {
  const bytes = payloadOf((writer) =>
    writeConntrackDump(writer, { reply: { source: "10.0.0.5", protocol: 17, sourcePort: 53 }, original: {} }),
  );
  const filter = parseAttributes(parseAttributes(bytes, ct.NFGENMSG_BYTES).get(ct.CTA_FILTER)!);
  t.is(filter.get(ct.CTA_FILTER_ORIG_FLAGS)?.readUInt32LE(), 0);
  t.is(
    filter.get(ct.CTA_FILTER_REPLY_FLAGS)?.readUInt32LE(),
    ct.FILTER_IP_SRC | ct.FILTER_PROTO_NUM | ct.FILTER_PROTO_SRC_PORT,
  );
  t.is(payloadOf((writer) => writeConntrackDump(writer)).length, ct.NFGENMSG_BYTES);
});

test("a flush says its family, which needs version 1", (t) => {
  t.is(payloadOf((writer) => writeConntrackFlush(writer, AF_INET6)).toString("hex"), "0a010000");
});

test("tuples in words", (t) => {
  t.is(describeTuple(udp), "udp 10.0.0.2:40000 → 10.9.9.9:53");
  t.is(describeTuple({ source: "10.0.0.2", destination: "10.0.0.3", protocol: 47 }), "protocol 47 10.0.0.2 → 10.0.0.3");
});

test("an entry without its tuples is refused", (t) => {
  t.throws(() => parseConntrackEntry(Buffer.alloc(4)), { instanceOf: NetlinkFormatError });
});

test("100,000 mutated entries are read or refused as malformed, nothing else", (t) => {
  const count = parseMutants({
    samples: fc
      .sample(entry, { numRuns: 50, seed: 3 })
      .map((value) => payloadOf((writer) => writeConntrackEntry(writer, value))),
    parse: parseConntrackEntry,
    isExpected: (error) => error instanceof NetlinkFormatError,
  });
  t.true(count.parsed > 1000, `${count.parsed} parsed`);
  t.true(count.refused > 1000, `${count.refused} refused`);
});
