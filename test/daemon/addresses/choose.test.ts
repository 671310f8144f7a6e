/** What a user asks for, what a host has, and what comes of it: in Docker's words where it is refused. */
import test from "ava";
import {
  type AddressWishes,
  addressesToInit,
  addressesToJoin,
  type NodeAddresses,
} from "../../../src/daemon/addresses/choose.js";
import type { HostInterface } from "../../../src/daemon/addresses/interfaces.js";

const link = (name: string, addresses: readonly string[], more: Partial<HostInterface> = {}): HostInterface => ({
  name,
  kind: "",
  isUp: true,
  mtu: 1500,
  addresses,
  ...more,
});
const LO = link("lo", ["127.0.0.1", "::1"], { kind: "loopback" });
const BRIDGE = link("docker0", ["172.17.0.1"], { kind: "bridge" });
const ONE = [LO, link("eth0", ["10.0.2.15", "fe80::1"]), BRIDGE];
const TWO_ON_ONE = [LO, link("eth0", ["10.0.2.15", "192.168.1.5"])];
const TWO_LINKS = [...ONE, link("eth1", ["192.168.1.5"])];
const V6_ONLY = [LO, link("eth0", ["fe80::1", "2001:db8::5"])];
const CONTAINER = [LO, link("eth0", ["172.18.0.2"], { kind: "veth" })];

const SPECIFY = "specify one with --advertise-addr";
const BAD_LISTEN = "listen address must be an IP address or network interface (with optional port number)";
const BAD_ADVERTISE =
  "advertise address must be a non-zero IP address or network interface (with optional port number)";

type Row = readonly [string, AddressWishes, readonly HostInterface[], Partial<NodeAddresses> | string];

const inits: readonly Row[] = [
  ["the only address", {}, ONE, { listen: "0.0.0.0:2377", advertise: "10.0.2.15:2377" }],
  ["a container's", {}, CONTAINER, { advertise: "172.18.0.2:2377" }],
  ["IPv6 where there is no IPv4", {}, V6_ONLY, { advertise: "[2001:db8::5]:2377" }],
  ["none", {}, [LO, BRIDGE], `could not find the system's IP address - ${SPECIFY}`],
  ["a link that is down", {}, [LO, link("eth0", ["10.0.0.1"], { isUp: false })], "could not find"],
  [
    "several on one interface",
    {},
    TWO_ON_ONE,
    `could not choose an IP address to advertise since this system has multiple addresses on interface eth0 (10.0.2.15 and 192.168.1.5) - ${SPECIFY}`,
  ],
  [
    "several on different interfaces",
    {},
    TWO_LINKS,
    `could not choose an IP address to advertise since this system has multiple addresses on different interfaces (10.0.2.15 on eth0 and 192.168.1.5 on eth1) - ${SPECIFY}`,
  ],
  [
    "three are listed",
    {},
    [...TWO_LINKS, link("eth2", ["172.16.0.9"])],
    `could not choose an IP address to advertise since this system has multiple addresses on different interfaces (10.0.2.15 on eth0, 192.168.1.5 on eth1 and 172.16.0.9 on eth2) - ${SPECIFY}`,
  ],
  ["an address", { advertise: "192.168.1.5" }, TWO_LINKS, { advertise: "192.168.1.5:2377" }],
  ["one that is translated", { advertise: "203.0.113.9:4000" }, ONE, { advertise: "203.0.113.9:4000" }],
  ["an address and a port", { advertise: "192.168.1.5:7777" }, TWO_LINKS, { advertise: "192.168.1.5:7777" }],
  ["an interface", { advertise: "eth1" }, TWO_LINKS, { advertise: "192.168.1.5:2377" }],
  ["an interface and a port", { advertise: "eth1:7777" }, TWO_LINKS, { advertise: "192.168.1.5:7777" }],
  ["IPv6", { advertise: "[2001:db8::5]:99" }, V6_ONLY, { advertise: "[2001:db8::5]:99" }],
  ["bare IPv6", { advertise: "2001:db8::5" }, V6_ONLY, { advertise: "[2001:db8::5]:2377" }],
  [
    "the port of what is listened at",
    { listen: "0.0.0.0:99" },
    ONE,
    { listen: "0.0.0.0:99", advertise: "10.0.2.15:99" },
  ],
  ["what is listened at is told", { listen: "192.168.1.5" }, TWO_LINKS, { advertise: "192.168.1.5:2377" }],
  [
    "an interface to listen at",
    { listen: "eth1:5" },
    TWO_LINKS,
    { listen: "192.168.1.5:5", advertise: "192.168.1.5:5" },
  ],
  [
    "an interface with two",
    { advertise: "eth0" },
    TWO_ON_ONE,
    "interface eth0 has more than one IPv4 address (10.0.2.15 and 192.168.1.5)",
  ],
  [
    "an interface without any",
    { advertise: "eth5" },
    [...ONE, link("eth5", [])],
    "interface eth5 has no usable IPv4 or IPv6 address",
  ],
  ["no interface of this host", { advertise: "eth9" }, ONE, `eth9: ${BAD_ADVERTISE}`],
  ["unspecified", { advertise: "0.0.0.0" }, ONE, `0.0.0.0: ${BAD_ADVERTISE}`],
  ["unspecified IPv6", { advertise: "[::]:1" }, ONE, `[::]:1: ${BAD_ADVERTISE}`],
  ["multicast", { advertise: "224.0.0.1:2377" }, ONE, `224.0.0.1:2377: ${BAD_ADVERTISE}`],
  ["multicast IPv6", { advertise: "ff02::1" }, ONE, `ff02::1: ${BAD_ADVERTISE}`],
  ["port 0", { advertise: "10.0.2.15:0" }, ONE, `10.0.2.15:0: ${BAD_ADVERTISE}`],
  ["to listen at a group", { listen: "224.0.0.1:2377" }, ONE, `224.0.0.1:2377: ${BAD_LISTEN}`],
  ["to listen at a name", { listen: "example:2377" }, ONE, `example:2377: ${BAD_LISTEN}`],
  ["the data path by address", { dataPath: "10.0.2.15" }, ONE, { dataPath: "10.0.2.15" }],
  ["the data path by interface", { dataPath: "eth0" }, ONE, { dataPath: "10.0.2.15" }],
  ["the data path nowhere", { dataPath: "10.9.9.9" }, ONE, "10.9.9.9: this host has no such address"],
  [
    "the data path unspecified",
    { dataPath: "0.0.0.0" },
    ONE,
    "0.0.0.0: data path address must be a non-zero IP address or network interface",
  ],
  ["the data path over IPv6", { dataPath: "2001:db8::5" }, V6_ONLY, "2001:db8::5: overlays are carried by IPv4 alone"],
];

for (const [title, wishes, interfaces, outcome] of inits) {
  test(`init: ${title}`, (t) => {
    if (typeof outcome !== "string") return void t.like(addressesToInit(wishes, interfaces), outcome);
    const error = t.throws(() => addressesToInit(wishes, interfaces), { name: "AddressError" });
    t.true(error?.message.startsWith(outcome), error?.message);
  });
}

const joins: readonly Row[] = [
  ["the way to the managers says it", {}, TWO_LINKS, { listen: "0.0.0.0:2377", advertise: undefined }],
  ["what is listened at", { listen: "eth1" }, TWO_LINKS, { advertise: "192.168.1.5:2377" }],
  ["as wished", { advertise: "eth0:1" }, TWO_LINKS, { advertise: "10.0.2.15:1" }],
  ["wrong", { advertise: "eth9" }, TWO_LINKS, `eth9: ${BAD_ADVERTISE}`],
];

for (const [title, wishes, interfaces, outcome] of joins) {
  test(`join: ${title}`, (t) => {
    if (typeof outcome !== "string") return void t.like(addressesToJoin(wishes, interfaces), outcome);
    t.throws(() => addressesToJoin(wishes, interfaces), { name: "AddressError", message: outcome });
  });
}
