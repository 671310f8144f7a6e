import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import { parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { parseAddress, writeAddress } from "../../../native-bindings/route/address.js";
import { parseFdbEntry, writeFdbEntry } from "../../../native-bindings/route/fdb.js";
import { parseLink, writeLinkSpec } from "../../../native-bindings/route/link.js";
import { parseChangeNotice } from "../../../native-bindings/route/monitor.js";
import { parseNamespaceId, writeNamespaceId } from "../../../native-bindings/route/namespace-id.js";
import { parseNeighbour, writeNeighbour } from "../../../native-bindings/route/neighbour.js";
import { parseRoute, writeRoute } from "../../../native-bindings/route/route.js";
import { parseRule, writeRule } from "../../../native-bindings/route/rule.js";
import { parseMutants } from "../mutate.js";
import * as random from "./arbitraries.js";

const { cases } = JSON.parse(
  readFileSync(new URL("../../../../test/data/netlink/rtnetlink_bytes.json", import.meta.url), "utf8"),
) as { cases: { request_hex: string; reply_hex: string[] }[] };
const captured = cases
  .flatMap((one) => [one.request_hex, ...one.reply_hex])
  .flatMap((hex) => parseMessages(Buffer.from(hex, "hex")))
  .map((message) => Buffer.from(message.payload));

/** Payloads of random objects, the same on every run. */
function payloads<T>(values: fc.Arbitrary<T>, write: (writer: MessageWriter, value: T) => void): Buffer[] {
  return fc.sample(values, { numRuns: 30, seed: 7 }).map((value) => {
    const writer = new MessageWriter();
    writer.begin(1, 0);
    write(writer, value);
    writer.end();
    return Buffer.from(parseMessages(writer.bytes())[0]!.payload);
  });
}

const PARSERS: readonly (readonly [name: string, samples: readonly Buffer[], parse: (payload: Buffer) => unknown])[] = [
  ["links", payloads(random.linkSpec, writeLinkSpec), (payload) => parseLink(payload, true)],
  ["addresses", payloads(random.address, writeAddress), parseAddress],
  ["routes", payloads(random.route, writeRoute), parseRoute],
  ["rules", payloads(random.rule, writeRule), parseRule],
  ["neighbours", payloads(random.neighbour, writeNeighbour), parseNeighbour],
  ["FDB entries", payloads(random.fdbEntry, writeFdbEntry), parseFdbEntry],
  ["namespace ids", payloads(fc.nat(9), (writer, id) => writeNamespaceId(writer, 3, id)), parseNamespaceId],
];

for (const [name, samples, parse] of PARSERS) {
  test(`100,000 mutated ${name} are read or refused as malformed, nothing else`, (t) => {
    const count = parseMutants({
      samples: [...samples, ...captured],
      parse,
      isExpected: (error) => error instanceof NetlinkFormatError,
    });
    t.true(count.parsed > 1000, `${count.parsed} parsed`);
    t.true(count.refused > 1000, `${count.refused} refused`);
  });
}

test("no notice of change upsets the monitor", (t) => {
  const count = parseMutants({
    samples: captured,
    parse: (payload) => {
      for (let type = 16; type < 34; type++) parseChangeNotice({ type, flags: 0, sequence: 0, portId: 0, payload });
    },
    isExpected: () => false,
    mutants: 20_000,
  });
  t.is(count.refused, 0);
});
