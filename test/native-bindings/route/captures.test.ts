/** What iproute2 sends for a command, and what is sent here for the same purpose, mean the same to the kernel. */
import { readFileSync } from "node:fs";
import test from "ava";
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from "../../../native-bindings/netlink/constants.js";
import {
  forEachAttribute,
  type NetlinkMessage,
  parseMessages,
  readString,
} from "../../../native-bindings/netlink/message-reader.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { parseAcknowledgement } from "../../../native-bindings/netlink/socket.js";
import { addAddress, deleteAddress } from "../../../native-bindings/route/address.js";
import * as rt from "../../../native-bindings/route/constants.js";
import { addFdbEntry, deleteFdbEntry, parseFdbEntry, replaceFdbEntry } from "../../../native-bindings/route/fdb.js";
import type { LinkSpec } from "../../../native-bindings/route/link.js";
import { addLink, deleteLink, setBridgePort, setLink } from "../../../native-bindings/route/link-operations.js";
import { setNamespaceId } from "../../../native-bindings/route/namespace-id.js";
import { addNeighbour, deleteNeighbour, replaceNeighbour } from "../../../native-bindings/route/neighbour.js";
import type { RouteOperation } from "../../../native-bindings/route/operation.js";
import { parseRoute, writeRouteQuery } from "../../../native-bindings/route/route.js";
import { addRoute } from "../../../native-bindings/route/route-operations.js";
import { addRule, deleteRule } from "../../../native-bindings/route/rule.js";

interface Capture {
  readonly name: string;
  readonly command: string;
  readonly request_hex: string;
  readonly reply_hex: readonly string[];
}

const captures = (
  JSON.parse(readFileSync(new URL("../../../../test/data/netlink/rtnetlink_bytes.json", import.meta.url), "utf8")) as {
    cases: Capture[];
  }
).cases;

function capture(name: string): Capture {
  const found = captures.find((one) => one.name === name);
  if (!found) throw new Error(`no capture ${name}`);
  return found;
}

const HEADER_BYTES: Readonly<Record<number, number>> = { 16: 16, 20: 8, 24: 12, 28: 12, 32: 12, 88: 4 };
/** The kind's name may end in a NUL or not. */
const KIND = `${rt.IFLA_LINKINFO}.${rt.IFLA_INFO_KIND}`;
const VETH_PEER = `${rt.IFLA_LINKINFO}.${rt.IFLA_INFO_DATA}.${rt.VETH_INFO_PEER}`;

/** Attributes with others inside, by their path: the flag that says so is optional and not compared. */
function isNest(path: string, isVeth: boolean): boolean {
  const nests = [`${rt.IFLA_LINKINFO}`, `${rt.IFLA_LINKINFO}.${rt.IFLA_INFO_DATA}`, `${rt.IFLA_PROTINFO}`];
  return nests.includes(path) || (path === VETH_PEER && isVeth);
}

/** Type, flags, header and the set of attributes: their order does not count. */
function meaning(message: NetlinkMessage): unknown {
  const headerBytes = HEADER_BYTES[message.type - (message.type % 4)]!;
  const attributes: string[] = [];
  const isVeth = message.payload.includes("\u0001\0veth");
  const collect = (bytes: Buffer, offset: number, prefix: string) =>
    forEachAttribute(bytes, offset, (type, payload) => {
      const path = prefix === "" ? `${type}` : `${prefix}.${type}`;
      const isLink = message.type === rt.RTM_NEWLINK || message.type === rt.RTM_SETLINK;
      if (isLink && isNest(path, isVeth)) collect(payload, path === VETH_PEER ? rt.IFINFOMSG_BYTES : 0, path);
      else attributes.push(`${path}=${path === KIND ? readString(payload) : payload.toString("hex")}`);
    });
  collect(message.payload, headerBytes, "");
  return {
    type: message.type,
    flags: message.flags | NLM_F_REQUEST | NLM_F_ACK,
    header: message.payload.subarray(0, headerBytes).toString("hex"),
    attributes: attributes.sort(),
  };
}

function written(write: (writer: MessageWriter) => void): NetlinkMessage {
  const writer = new MessageWriter();
  write(writer);
  return parseMessages(Buffer.from(writer.bytes()))[0]!;
}

const vxlan = (name: string, options: Partial<LinkSpec> & { vxlan: object }) =>
  addLink({ kind: "vxlan", name, ...options } as LinkSpec);
const neighbour = { linkIndex: 6, address: "10.0.0.5" };
const fdb = { linkIndex: 6, mac: "02:42:0a:00:00:05" };

const OPERATIONS: Readonly<Record<string, RouteOperation>> = {
  link_add_bridge: addLink({ kind: "bridge", name: "br0", bridge: {} }),
  link_add_dup: addLink({ kind: "bridge", name: "br0", bridge: {} }),
  link_add_veth: addLink({ kind: "veth", name: "vetha", peer: { name: "vethb" } }),
  link_add_veth_peerns: addLink({ kind: "veth", name: "vethc", peer: { name: "vethd", namespaceFd: 4 } }),
  link_add_vxlan: vxlan("vx-001000-abcde", {
    mtu: 1450,
    vxlan: { vni: 4096, port: 4789, proxy: true, learning: true, l2Miss: true, l3Miss: true },
  }),
  link_add_vxlan_v6: vxlan("vx6", { vxlan: { vni: 4097, port: 4789, remote6: "::", learning: false, proxy: true } }),
  link_add_vxlan_external: vxlan("vxext", {
    vxlan: { port: 4790, collectMetadata: true, vniFilter: true, learning: false },
  }),
  link_set_master: setLink({ index: 4 }, { master: 2 }),
  link_set_vx_master: setLink({ index: 6 }, { master: 2 }),
  link_set_netns: setLink({ index: 3 }, { namespaceFd: 4 }),
  link_set_up: setLink({ index: 2 }, { up: true }),
  link_set_up_vx: setLink({ index: 6 }, { up: true }),
  link_set_mtu: setLink({ index: 4 }, { mtu: 1450 }),
  link_set_addr: setLink({ index: 4 }, { mac: "02:42:0a:00:00:05" }),
  link_rename: setLink({ index: 6 }, { up: false }),
  link_rename2: setLink({ index: 6 }, { name: "vxlan0" }),
  link_del: deleteLink({ index: 6 }),
  bridge_pvid0: setLink({ index: 2 }, { bridge: { vlanDefaultPvid: 0 } }),
  bridge_nolearn: setBridgePort(4, { learning: false }),
  nsid: setNamespaceId(6, 5),
  addr_add: addAddress({ linkIndex: 2, address: "10.0.0.1", prefixLength: 24 }),
  addr_add_alias: addAddress({ linkIndex: 2, address: "10.0.0.2", prefixLength: 32 }),
  addr_add_dup: addAddress({ linkIndex: 2, address: "10.0.0.2", prefixLength: 32 }),
  addr_del: deleteAddress({ linkIndex: 2, address: "10.0.0.2", prefixLength: 32 }),
  neigh_add: addNeighbour({ ...neighbour, mac: "02:42:0a:00:00:05" }),
  neigh_add_dup: addNeighbour({ ...neighbour, mac: "02:42:0a:00:00:05" }),
  neigh_replace: replaceNeighbour({ ...neighbour, mac: "02:42:0a:00:00:06" }),
  neigh_del: deleteNeighbour({ ...neighbour }),
  neigh_del_missing: deleteNeighbour({ ...neighbour }),
  fdb_add: addFdbEntry({ ...fdb, tunnelAddress: "192.168.56.12" }),
  fdb_add_dup: addFdbEntry({ ...fdb, tunnelAddress: "192.168.56.12" }),
  fdb_replace: replaceFdbEntry({ ...fdb, tunnelAddress: "192.168.56.13" }),
  fdb_del: deleteFdbEntry({ ...fdb, tunnelAddress: "192.168.56.13" }),
  fdb_del_missing: deleteFdbEntry(fdb),
  route_add: addRoute({
    destination: "10.1.0.0/24",
    gateway: "10.0.0.254",
    linkIndex: 2,
    protocol: rt.RTPROT_BOOT,
  }),
  route_add_default: addRoute({ destination: "0.0.0.0/0", gateway: "10.0.0.254", protocol: rt.RTPROT_BOOT }),
  rule_add: addRule({ mark: 0x100, table: 100, priority: 100 }),
  rule_del: deleteRule({ mark: 0x100, table: 100, priority: 100, action: "unspecified" }),
};

for (const [name, operation] of Object.entries(OPERATIONS)) {
  test(`${name}: ${capture(name).command}`, (t) => {
    const [theirs] = parseMessages(Buffer.from(capture(name).request_hex, "hex"));
    t.deepEqual(meaning(written(operation.write)), meaning(theirs!));
  });
}

test("route_get", (t) => {
  const [theirs] = parseMessages(Buffer.from(capture("route_get").request_hex, "hex"));
  const ours = written((writer) => {
    writer.begin(rt.RTM_GETROUTE, 0);
    writeRouteQuery(writer, { destination: "8.8.8.8" });
    writer.end();
  });
  t.deepEqual(meaning(ours), meaning(theirs!));
});

test("every change of the capture has its counterpart here", (t) => {
  // link_get, link_dump, link_del_missing and fdb_dump are looks with other filters than ours; route_get stands above.
  const looks = ["link_get", "link_dump", "link_del_missing", "fdb_dump", "route_get"];
  t.deepEqual(
    captures
      .map((one) => one.name)
      .filter((name) => !(name in OPERATIONS))
      .sort(),
    looks.sort(),
  );
});

const REFUSALS: readonly (readonly [
  name: string,
  code: string,
  text: string | undefined,
  offset: number | undefined,
])[] = [
  ["addr_add_dup", "EEXIST", "ipv4: Address already assigned", undefined],
  ["nsid", "EEXIST", "Peer netns already has a nsid assigned", 20],
  ["neigh_add_dup", "EEXIST", undefined, undefined],
  ["neigh_del_missing", "ENOENT", undefined, undefined],
  ["link_del_missing", "ENODEV", undefined, undefined],
];
for (const [name, code, text, offset] of REFUSALS) {
  test(`${name} is refused with ${code}${text ? `, "${text}"` : ""}`, (t) => {
    const message = capture(name)
      .reply_hex.flatMap((hex) => parseMessages(Buffer.from(hex, "hex")))
      .find((one) => one.type === NLMSG_ERROR);
    const error = parseAcknowledgement("try", message!);
    t.like(error, { code, kernelText: text, offset });
  });
}

test("answers that the kernel gave", (t) => {
  const replies = (name: string) => capture(name).reply_hex.flatMap((hex) => parseMessages(Buffer.from(hex, "hex")));
  t.deepEqual(parseFdbEntry(replies("fdb_dump")[0]!.payload), {
    linkIndex: 6,
    mac: "2e:93:79:96:d0:71",
    state: rt.NUD_PERMANENT,
    flags: 0,
    master: 2,
  });
  t.like(parseRoute(replies("route_get")[0]!.payload), {
    destination: "8.8.8.8/32",
    gateway: "10.0.0.254",
    preferredSource: "10.0.0.1",
    linkIndex: 2,
    table: rt.RT_TABLE_MAIN,
  });
});
