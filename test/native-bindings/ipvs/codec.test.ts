import test from "ava";
import fc from "fast-check";
import { beginGeneric, parseGeneric } from "../../../native-bindings/generic/family.js";
import { decodeAddress, encodeAddress } from "../../../native-bindings/ipvs/address.js";
import { parseDestination, writeDestinationReport } from "../../../native-bindings/ipvs/destination-codec.js";
import type { IpvsDestinationReport, IpvsServiceReport } from "../../../native-bindings/ipvs/objects.js";
import { markService } from "../../../native-bindings/ipvs/objects.js";
import { parseService, writeService, writeServiceReport } from "../../../native-bindings/ipvs/service-codec.js";
import { parseTimeouts, writeTimeouts } from "../../../native-bindings/ipvs/timeouts-codec.js";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import { parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { addressOf, destination, service } from "./arbitraries.js";

function message(command: number, write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter();
  beginGeneric(writer, 0x20, command, 1, 2);
  write(writer);
  writer.end();
  return Buffer.from(writer.bytes());
}

const attributesOf = (bytes: Buffer) => parseGeneric(parseMessages(bytes)[0]!.payload).attributes;
const encodeService = (value: IpvsServiceReport) => message(1, (writer) => writeServiceReport(writer, value));
const encodeDestination = (value: IpvsDestinationReport) =>
  message(5, (writer) => writeDestinationReport(writer, value));

test("services survive the wire", (t) => {
  fc.assert(fc.property(service, (value) => t.deepEqual(parseService(attributesOf(encodeService(value))), value)));
});

test("destinations survive the wire", (t) => {
  fc.assert(
    fc.property(destination, (value) => t.deepEqual(parseDestination(attributesOf(encodeDestination(value))), value)),
  );
});

test("timeouts survive the wire", (t) => {
  const seconds = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(fc.record({ tcpS: seconds, tcpFinS: seconds, udpS: seconds }), (value) =>
      t.deepEqual(parseTimeouts(attributesOf(message(12, (writer) => writeTimeouts(writer, value)))), value),
    ),
  );
});

test("addresses survive the wire", (t) => {
  for (const family of ["ipv4", "ipv6"] as const) {
    fc.assert(
      fc.property(addressOf(family), (address) => t.is(decodeAddress(family, encodeAddress(family, address)), address)),
    );
  }
});

const notations: readonly (readonly [string, string])[] = [
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:DB8::", "20010db8000000000000000000000000"],
  ["fe80::1:0:0:2", "fe800000000000000001000000000002"],
  ["::ffff:10.1.2.3", "00000000000000000000ffff0a010203"],
];
for (const [text, hex] of notations) {
  test(`IPv6 notation ${text}`, (t) => t.is(encodeAddress("ipv6", text).toString("hex"), hex));
}

for (const [family, text] of [
  ["ipv4", "10.0.0"],
  ["ipv4", "10.0.0.256"],
  ["ipv4", "::1"],
  ["ipv6", "10.0.0.1"],
  ["ipv6", "fe80::1%eth0"],
] as const) {
  test(`"${text}" is no ${family} address`, (t) => {
    t.throws(() => encodeAddress(family, text), { instanceOf: RangeError });
  });
}

test("a scheduler name that does not fit its field is refused", (t) => {
  t.throws(() => message(1, (writer) => writeService(writer, markService(256, "sixteen-letters-"))), {
    instanceOf: RangeError,
  });
});

test("100,000 mutated messages are read or refused as malformed, nothing else", (t) => {
  const mutation = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  let [read, refused] = [0, 0];
  const attempt = (parse: () => unknown) => {
    try {
      parse();
      read++;
    } catch (error) {
      if (!(error instanceof NetlinkFormatError)) throw error;
      refused++;
    }
  };
  fc.assert(
    fc.property(service, destination, fc.array(mutation, { minLength: 50, maxLength: 50 }), (s, d, mutations) => {
      const [serviceBytes, destinationBytes] = [encodeService(s), encodeDestination(d)];
      for (const [at, byte] of mutations) {
        const [one, two] = [Buffer.from(serviceBytes), Buffer.from(destinationBytes)];
        one[at % one.length] = byte;
        two[at % two.length] = byte;
        attempt(() => parseService(attributesOf(one)));
        attempt(() => parseDestination(attributesOf(two.subarray(0, two.length - (at % 5)))));
      }
    }),
    { numRuns: 1000 },
  );
  t.is(read + refused, 100_000);
  t.true(read > 1000 && refused > 1000);
});
