/** Answers of a real kernel to dumps, with what ipvsadm was told to make. */
import { readFileSync } from "node:fs";
import test from "ava";
import { parseFamily, parseGeneric } from "../../../native-bindings/generic/family.js";
import { parseDestination } from "../../../native-bindings/ipvs/destination-codec.js";
import { markService, masqueradedDestination } from "../../../native-bindings/ipvs/objects.js";
import { parseService } from "../../../native-bindings/ipvs/service-codec.js";

const dumps = JSON.parse(readFileSync("test/data/ipvs/dumps.json", "utf8")) as Record<string, string[]>;
const payloads = (name: string) => dumps[name]!.map((hex) => Buffer.from(hex, "hex"));
const attributes = (name: string) => payloads(name).map((payload) => parseGeneric(payload).attributes);

const NOTHING_COUNTED = { connections: 0, packetsIn: 0, packetsOut: 0, bytesIn: 0, bytesOut: 0 };
const IDLE = { activeConnections: 0, inactiveConnections: 0, persistentConnections: 0, statistics: NOTHING_COUNTED };

test("the family and its commands", (t) => {
  const family = parseFamily(payloads("family")[0]!);
  t.is(family.name, "IPVS");
  t.is(family.version, 1);
  t.deepEqual(
    family.operations.map(({ command }) => command),
    Array.from({ length: 17 }, (_, index) => index + 1).filter((command) => command !== 14),
  );
});

test("services by mark, by address with persistence, and of IPv6", (t) => {
  const found = attributes("services").map(parseService);
  const byName = (name: string) => found.find(({ key }) => JSON.stringify(key).includes(name));
  t.is(found.length, 3);
  t.deepEqual(byName('"mark":256'), { ...markService(256, "rr"), statistics: NOTHING_COUNTED });
  t.deepEqual(byName('"mark":257'), {
    ...markService(257, "rr"),
    key: { family: "ipv6", mark: 257 },
    persistencePrefixBits: 128,
    statistics: NOTHING_COUNTED,
  });
  t.deepEqual(byName("10.0.0.9"), {
    key: { family: "ipv4", protocol: "tcp", address: "10.0.0.9", port: 80 },
    scheduler: "wrr",
    flags: 1,
    persistenceTimeoutS: 300,
    persistencePrefixBits: 32,
    statistics: NOTHING_COUNTED,
  });
});

test("destinations: masqueraded, draining, tunnelled with limits, IPv6", (t) => {
  const found = attributes("destinations256").map(parseDestination);
  t.deepEqual(
    found.sort((a, b) => (a.address < b.address ? -1 : 1)),
    [
      { ...masqueradedDestination("10.0.0.5", 1), ...IDLE },
      { ...masqueradedDestination("10.0.0.6", 0), ...IDLE },
      {
        ...masqueradedDestination("10.0.0.8", 7),
        ...IDLE,
        forwarding: "tunnel",
        upperThreshold: 1000,
        lowerThreshold: 500,
        tunnel: { type: "gue", port: 6080, flags: 0 },
      },
    ],
  );
  t.deepEqual(attributes("destinations257").map(parseDestination), [
    { ...masqueradedDestination("fd00::5", 3), ...IDLE, family: "ipv6" },
  ]);
});
