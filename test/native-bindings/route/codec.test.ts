import test from "ava";
import fc from "fast-check";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import { parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { parseAddress, writeAddress, writeAddressDump } from "../../../native-bindings/route/address.js";
import * as rt from "../../../native-bindings/route/constants.js";
import { parseFdbEntry, writeFdbDump, writeFdbEntry } from "../../../native-bindings/route/fdb.js";
import {
  type Link,
  type LinkSpec,
  type NewLink,
  parseLink,
  writeBridgePortChange,
  writeLinkChange,
  writeLinkId,
  writeLinkSpec,
} from "../../../native-bindings/route/link.js";
import { parseNamespaceId, writeNamespaceId } from "../../../native-bindings/route/namespace-id.js";
import { parseNeighbour, writeNeighbour, writeNeighbourDump } from "../../../native-bindings/route/neighbour.js";
import {
  parseRoute,
  splitPrefix,
  writeRoute,
  writeRouteDump,
  writeRouteQuery,
} from "../../../native-bindings/route/route.js";
import { parseRule, writeRule, writeRuleDump } from "../../../native-bindings/route/rule.js";
import * as random from "./arbitraries.js";

function payloadOf(write: (writer: MessageWriter) => void): Buffer {
  const writer = new MessageWriter();
  writer.begin(1, 0);
  write(writer);
  writer.end();
  return Buffer.from(parseMessages(writer.bytes())[0]!.payload);
}

function roundTrip<T>(
  name: string,
  values: fc.Arbitrary<T>,
  write: (writer: MessageWriter, value: T) => void,
  parse: (payload: Buffer) => T,
): void {
  test(`${name}: object, bytes, object; and bytes, object, bytes`, (t) => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = payloadOf((writer) => write(writer, value));
        const parsed = parse(bytes);
        t.deepEqual(parsed, value);
        t.true(payloadOf((writer) => write(writer, parsed)).equals(bytes));
      }),
      { numRuns: 300 },
    );
  });
}

roundTrip("address", random.address, writeAddress, parseAddress);
roundTrip("route", random.route, writeRoute, parseRoute);
roundTrip("rule", random.rule, writeRule, parseRule);
roundTrip("neighbour", random.neighbour, writeNeighbour, parseNeighbour);
roundTrip("FDB entry", random.fdbEntry, writeFdbEntry, parseFdbEntry);

function expectedLink(end: NewLink, kind: string): Link {
  const { index, name, mtu, mac, master, up, linkNamespaceId, transmitQueueLength } = end;
  return {
    index: index ?? 0,
    name,
    kind,
    flags: up ? rt.IFF_UP : 0,
    up: up ?? false,
    mtu: mtu ?? 0,
    mac: mac ?? "",
    master: master ?? 0,
    peerIndex: 0,
    ...(linkNamespaceId === undefined ? {} : { linkNamespaceId }),
    ...(transmitQueueLength === undefined ? {} : { transmitQueueLength }),
  };
}

function expectedSpec(spec: LinkSpec): Link {
  const link = expectedLink(spec, spec.kind);
  if (spec.kind === "bridge") return { ...link, bridge: spec.bridge ?? {} };
  if (spec.kind === "vxlan") return { ...link, vxlan: spec.vxlan };
  return spec.kind === "veth" ? { ...link, vethPeer: expectedLink(spec.peer, "") } : link;
}

test("a link that is asked for reads as it was meant", (t) => {
  fc.assert(
    fc.property(random.linkSpec, (spec) => {
      t.deepEqual(parseLink(payloadOf((writer) => writeLinkSpec(writer, spec))), expectedSpec(spec));
    }),
    { numRuns: 300 },
  );
});

test("options of a bridge's port, told in either place", (t) => {
  fc.assert(
    fc.property(random.bridgePortOptions, (options) => {
      const asked = payloadOf((writer) => writeBridgePortChange(writer, 7, options));
      t.deepEqual(parseLink(asked).port, options);
      const told = Buffer.concat([Buffer.alloc(rt.IFINFOMSG_BYTES), slaveInfo(asked.subarray(rt.IFINFOMSG_BYTES + 4))]);
      t.deepEqual(parseLink(told).port, options);
    }),
  );
});

function slaveInfo(options: Buffer): Buffer {
  return payloadOf((writer) => {
    const info = writer.nestBegin(rt.IFLA_LINKINFO);
    writer.attrString(rt.IFLA_INFO_SLAVE_KIND, "bridge").attrBytes(rt.IFLA_INFO_SLAVE_DATA, options).nestEnd(info);
  });
}

test("changes of a link carry only what is said", (t) => {
  const parsed = parseLink(payloadOf((writer) => writeLinkChange(writer, { index: 9 }, { mtu: 1450, master: 0 })));
  t.like(parsed, { index: 9, mtu: 1450, master: 0, name: "", flags: 0 });
  const down = payloadOf((writer) => writeLinkChange(writer, { name: "eth0" }, { up: false }));
  t.is(down.readUInt32LE(12), rt.IFF_UP);
  t.is(down.readUInt32LE(8), 0);
  t.is(parseLink(down).name, "eth0");
  t.throws(() => payloadOf((writer) => writeLinkChange(writer, { name: "eth0" }, { name: "eth1" })), {
    instanceOf: RangeError,
  });
});

test("names that the kernel would cut or refuse do not reach it", (t) => {
  for (const name of ["", "sixteen-letters-", "ääääääää"]) {
    t.throws(() => payloadOf((writer) => writeLinkId(writer, { name })), { instanceOf: RangeError });
    t.throws(() => payloadOf((writer) => writeLinkSpec(writer, { kind: "dummy", name })), { instanceOf: RangeError });
  }
});

test("sizes of the fixed headers", (t) => {
  t.is(payloadOf((writer) => writeLinkId(writer, { index: 1 })).length, 16);
  t.is(payloadOf((writer) => writeAddressDump(writer)).length, 8);
  t.is(payloadOf((writer) => writeRouteDump(writer)).length, 12);
  t.is(payloadOf((writer) => writeRuleDump(writer)).length, 12);
  t.is(payloadOf((writer) => writeNeighbourDump(writer)).length, 12);
  t.is(payloadOf((writer) => writeFdbDump(writer)).length, 12);
  t.is(payloadOf((writer) => writeNamespaceId(writer, 3)).length, 4 + 8);
  t.is(payloadOf((writer) => writeRouteQuery(writer, { destination: "10.0.0.1" })).length, 12 + 8);
});

test("the scope of a route follows from what it is, unless said", (t) => {
  const scope = (route: Parameters<typeof writeRoute>[1]) =>
    parseRoute(payloadOf((writer) => writeRoute(writer, route))).scope;
  t.is(scope({ destination: "10.9.9.9/32", type: "local", linkIndex: 1 }), rt.RT_SCOPE_HOST);
  t.is(scope({ destination: "10.0.0.0/24", linkIndex: 2 }), rt.RT_SCOPE_LINK);
  t.is(scope({ destination: "10.0.0.0/24", gateway: "10.1.0.1" }), rt.RT_SCOPE_UNIVERSE);
  t.is(scope({ destination: "10.0.0.0/24", type: "blackhole" }), rt.RT_SCOPE_UNIVERSE);
  t.is(scope({ destination: "10.0.0.0/24", linkIndex: 2, scope: rt.RT_SCOPE_SITE }), rt.RT_SCOPE_SITE);
  t.is(scope({ destination: "fd00::/64", linkIndex: 2 }), rt.RT_SCOPE_UNIVERSE);
});

test("a table above 255 stands in its attribute", (t) => {
  const high = payloadOf((writer) =>
    writeRoute(writer, { destination: "0.0.0.0/0", table: 1000, gateway: "10.0.0.1" }),
  );
  t.is(high.readUInt8(4), rt.RT_TABLE_COMPAT);
  t.is(parseRoute(high).table, 1000);
  const dump = payloadOf((writer) => writeRouteDump(writer, { table: 1000 }));
  t.is(dump.readUInt8(4), 0);
  t.is(parseRoute(dump).table, 1000);
});

test("prefixes", (t) => {
  t.deepEqual(splitPrefix("10.0.1.0/24"), { address: "10.0.1.0", length: 24 });
  t.deepEqual(splitPrefix("::/0"), { address: "::", length: 0 });
  for (const text of ["10.0.1.0", "10.0.1.0/33", "::/129", "10.0.1.0/", "/24", "10.0.1.0/2 4", "x/24"]) {
    t.throws(() => splitPrefix(text), { instanceOf: RangeError, message: `"${text}" is no prefix` });
  }
});

test("addresses that are none do not reach the kernel", (t) => {
  const bad = [
    (writer: MessageWriter) =>
      writeNeighbour(writer, { linkIndex: 1, address: "10.0.0.300", mac: "02:42:0a:00:01:04" }),
    (writer: MessageWriter) => writeNeighbour(writer, { linkIndex: 1, address: "10.0.0.3", mac: "02:42:0a:00:01" }),
    (writer: MessageWriter) => writeFdbEntry(writer, { linkIndex: 1, mac: "02:42:0a:00:01:0x" }),
    (writer: MessageWriter) => writeFdbEntry(writer, { linkIndex: 1, mac: "02-42-0a-00-01-04" }),
    (writer: MessageWriter) => writeRoute(writer, { destination: "10.0.0.0/8", gateway: "nowhere" }),
    (writer: MessageWriter) => writeRule(writer, { source: "10.0.0.0" }),
  ];
  for (const write of bad) t.throws(() => payloadOf(write), { instanceOf: RangeError });
});

test("ids of namespaces", (t) => {
  for (const id of [-1, 0, 5]) t.is(parseNamespaceId(payloadOf((writer) => writeNamespaceId(writer, 3, id))), id);
  t.throws(() => parseNamespaceId(Buffer.alloc(4)), { instanceOf: NetlinkFormatError });
});
