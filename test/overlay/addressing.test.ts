import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { bytesToIp, formatIpv4, ipToBytes } from "../../native-bindings/address-text.js";
import { inSubnet, parsePrefix, readIpv4 } from "../../overlay/ipv4.js";
import { isSubnetAddress6, parsePrefix6 } from "../../overlay/ipv6.js";
import { isUnicastMac, macFromAddress } from "../../overlay/mac-address.js";
import { overlayMtu } from "../../overlay/mtu.js";
import {
  gatewayPortName,
  isGatewayPort,
  isLinkName,
  networkNamespace,
  portName,
  roleOfNamespace,
  sandboxNamespace,
} from "../../overlay/names.js";

interface MacCases {
  readonly cases: readonly { readonly ip: string; readonly mac: string }[];
}
interface MtuCases {
  readonly cases: readonly { readonly driver_mtu: number; readonly encrypted: boolean; readonly mtu: number }[];
}
interface CapturedNamespaces {
  readonly namespaces: readonly { readonly neigh: readonly string[] }[];
}

function data<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../test/data/overlay/${name}`, import.meta.url), "utf8")) as T;
}

test("a MAC address follows from the IPv4 address as in Docker Swarm", (t) => {
  const { cases } = data<MacCases>("mac_from_ip.json");
  t.true(cases.length >= 10);
  for (const { ip, mac } of cases) t.is(macFromAddress(ip), mac);
  let neighbours = 0;
  for (const { neigh } of data<CapturedNamespaces>("overlay_ns_expected.json").namespaces) {
    for (const line of neigh) {
      const [address, , , , mac] = line.split(" ");
      t.is(macFromAddress(address!), mac!);
      neighbours++;
    }
  }
  t.true(neighbours > 20);
  t.throws(() => macFromAddress("10.0.0"), { instanceOf: RangeError });
});

test("the MTU is the underlay's less the overhead", (t) => {
  const { cases } = data<MtuCases>("mtu.json");
  t.true(cases.length >= 16);
  for (const { driver_mtu: driverMtu, encrypted, mtu } of cases) {
    t.is(overlayMtu({ family: 4 }, { driverMtu, encrypted }), mtu);
    if (driverMtu > 0) t.is(overlayMtu({ family: 4, mtu: driverMtu }, { encrypted }), mtu);
  }
  t.is(overlayMtu({ family: 6, mtu: 1500 }), 1430);
  t.is(overlayMtu({ family: 4, mtu: 1400 }, { driverMtu: 9000 }), 8950);
  t.throws(() => overlayMtu({ family: 4, mtu: 100 }), { message: /leaves 50 bytes/ });
});

test("addresses and prefixes are read strictly", (t) => {
  fc.assert(fc.property(fc.nat(0xffffffff), (value) => readIpv4(formatIpv4(value)) === value));
  for (const bad of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "::1", "1.2.3.-4"]) {
    t.is(readIpv4(bad), undefined, bad);
  }
  t.deepEqual(parsePrefix("10.0.1.4/24"), { address: "10.0.1.4", length: 24, subnet: "10.0.1.0/24" });
  t.deepEqual(parsePrefix("200.1.2.3/0"), { address: "200.1.2.3", length: 0, subnet: "0.0.0.0/0" });
  t.is(parsePrefix("255.255.255.255/32")?.subnet, "255.255.255.255/32");
  for (const bad of ["10.0.1.4", "10.0.1.4/", "10.0.1.4/33", "10.0.1.4/024", "10.0.1/24", "10.0.1.4/24/1"]) {
    t.is(parsePrefix(bad), undefined, bad);
  }
  t.true(inSubnet("10.0.1.4", "10.0.1.0/24"));
  t.false(inSubnet("10.0.2.4", "10.0.1.0/24"));
  t.true(inSubnet("200.0.2.4", "0.0.0.0/0"));
});

test("IPv6 addresses and prefixes are read as RFC 5952 writes them, and only those that a subnet can give", (t) => {
  const group = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(fc.array(group, { minLength: 7, maxLength: 7 }), fc.integer({ min: 0, max: 128 }), (rest, length) => {
      const bytes = Buffer.alloc(16);
      for (const [index, value] of [0xfd00, ...rest].entries()) bytes.writeUInt16BE(value, index * 2);
      const address = bytesToIp(bytes);
      t.true(isSubnetAddress6(address), address);
      const { subnet, ...own } = parsePrefix6(`${address}/${length}`)!;
      t.deepEqual(own, { address, length });
      const value = BigInt(`0x${bytes.toString("hex")}`);
      const kept = ((value >> BigInt(128 - length)) << BigInt(128 - length)).toString(16).padStart(32, "0");
      t.is(subnet, `${bytesToIp(Buffer.from(kept, "hex"))}/${length}`);
    }),
  );
  t.deepEqual(parsePrefix6("fd00:1::4/64"), { address: "fd00:1::4", length: 64, subnet: "fd00:1::/64" });
  t.is(parsePrefix6("fd00:1:2:3ff::4/54")?.subnet, "fd00:1:2::/54");
  const others = [
    "",
    "10.0.1.4",
    "fd00:1::4 ",
    "fd00:1:::4",
    "FD00:1::4",
    "fd00:01::4",
    "fd00:1:0:0::4",
    "fd00:1::4%eth0",
  ];
  const special = ["::", "::1", "::ffff:10.0.0.1", "fe80::1", "febf::1", "ff02::1"];
  for (const bad of [...others, ...special]) t.false(isSubnetAddress6(bad), bad);
  for (const bad of ["fd00:1::4", "fd00:1::4/", "fd00:1::4/129", "fd00:1::4/064", "fd00:1::4/64/1", "10.0.1.4/24"]) {
    t.is(parsePrefix6(bad), undefined, bad);
  }
});

test("any text is taken for an IPv6 address just when it is what its bytes are written as", (t) => {
  const groups = fc.array(fc.constantFrom("0", "0", "1", "fd00", "00", "", "12345", "g", "A", "abc"), { maxLength: 9 });
  const written = fc.tuple(groups, fc.nat(9), fc.nat(1)).map(([texts, gap, hasGap]) => {
    const [head, tail] = [texts.slice(0, gap).join(":"), texts.slice(gap).join(":")];
    return `fd00:${hasGap === 1 ? `${head}::${tail}` : texts.join(":")}`;
  });
  let good = 0;
  const check = (text: string) => {
    const expected = canonical(text) === text;
    if (expected) good++;
    t.is(isSubnetAddress6(text), expected, text);
  };
  fc.assert(fc.property(written, check), { numRuns: 20_000 });
  t.true(good > 100, `${good} were well written`);
});

function canonical(text: string): string | undefined {
  try {
    return bytesToIp(ipToBytes(text));
  } catch {
    return undefined;
  }
}

test("a group or zero MAC address is no endpoint's", (t) => {
  t.true(isUnicastMac("02:42:0a:00:00:01"));
  for (const bad of ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "02:42:0A:00:00:01", "02:42"]) {
    t.false(isUnicastMac(bad), bad);
  }
});

test("link names fit the kernel, follow from the ids alone, and tell the node", (t) => {
  const nodeId = fc.stringMatching(/^[a-z0-9]{8,25}$/);
  fc.assert(
    fc.property(nodeId, nodeId, fc.string(), fc.string(), (node, otherNode, sandbox, other) => {
      const place = sandboxNamespace(node, sandbox);
      const names = [portName(place, "eth0"), gatewayPortName(node, place)];
      t.true(names.every(isLinkName));
      t.deepEqual(names, [portName(place, "eth0"), gatewayPortName(node, place)]);
      t.true(isGatewayPort(node, names[1]!));
      t.is(isGatewayPort(otherNode, names[1]!), otherNode.slice(0, 8) === node.slice(0, 8));
      t.not(portName(place, "eth1"), names[0]);
      t.is(sandbox === other, sandboxNamespace(node, other) === place);
      t.is(roleOfNamespace(node, place), "sandbox");
      t.is(roleOfNamespace(node, networkNamespace(node, sandbox)), "network");
      t.is(roleOfNamespace(`x${node.slice(1)}`, place), node.startsWith("x") ? "sandbox" : undefined);
    }),
  );
  t.is(sandboxNamespace("4bk3ac0example", "ingress"), "tsw-4bk3ac0e-sbx-ingress");
  t.is(roleOfNamespace("4bk3ac0example", "tsw-4bk3ac0e-other-x"), undefined);
});
