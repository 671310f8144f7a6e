/**
 * Links: include/uapi/linux/if_link.h.
 *
 * struct ifinfomsg, 16 bytes: `family u8 | pad u8 | ARPHRD type u16 | index i32 | flags u32 | change mask u32`.
 */
import { AF_BRIDGE } from "../libc.js";
import { type FieldTable, i32, mac, readFields, text, u8, u32, writeFields } from "../netlink/attribute-fields.js";
import { type Attributes, need, parseAttributes, readString } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { BRIDGE_FIELDS, BRIDGE_PORT_FIELDS, type BridgeOptions, type BridgePortOptions } from "./bridge.js";
import * as rt from "./constants.js";
import { type Ipv6Settings, parseIpv6Settings } from "./link-ipv6.js";
import { VXLAN_FIELDS, type VxlanOptions } from "./vxlan.js";

/** A link as the kernel tells it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** "bridge", "vxlan", "veth", "dummy" …; "loopback" for `lo`; "" for a device without a kind. */
  readonly kind: string;
  /** IFF_* bits. */
  readonly flags: number;
  /** Administratively up. */
  readonly up: boolean;
  readonly mtu: number;
  /** "" for a device without a link-layer address. */
  readonly mac: string;
  /** Index of the bridge (or bond …) that it is a port of; 0 for none. */
  readonly master: number;
  /** Index of a veth's other end or of the device below; 0 for none. It counts in the namespace {@link linkNamespaceId}. */
  readonly peerIndex: number;
  /**
   * Id, in this namespace, of the one where the veth's other end or the VXLAN's UDP socket lives; -1 when that has no id
   * here; absent when it is this namespace.
   */
  readonly linkNamespaceId?: number;
  readonly transmitQueueLength?: number;
  /** RFC 2863: 0 unknown, 2 down, 3 lower layer down, 6 up … */
  readonly operationalState?: number;
  readonly bridge?: BridgeOptions;
  readonly vxlan?: VxlanOptions;
  /** How its bridge treats it, when it is a bridge's port. */
  readonly port?: BridgePortOptions;
  /** Told only when asked for, of a link that can speak IPv6. */
  readonly ipv6?: Ipv6Settings;
  /** The other end in a request that makes a veth pair; the kernel never tells it. */
  readonly vethPeer?: Link;
}

/** What every kind of link has, in requests. Only what is present is set. */
export interface LinkAttributes {
  readonly name?: string;
  readonly mtu?: number;
  readonly mac?: string;
  /** Index of the bridge; 0 takes it out of one. */
  readonly master?: number;
  readonly transmitQueueLength?: number;
  readonly up?: boolean;
  /** A descriptor of the network namespace that it is made in or moved to. */
  readonly namespaceFd?: number;
  /** Id of the namespace that the request is made for, instead of the socket's (`IFLA_LINK_NETNSID`). */
  readonly linkNamespaceId?: number;
}

/** A link to be made, whatever its kind. */
export interface NewLink extends LinkAttributes {
  readonly name: string;
  /** Wanted index; the kernel chooses when absent. */
  readonly index?: number;
}

/** The other end of a veth pair: the kernel neither takes it up nor makes it a port before the pair is whole. */
export type VethPeer = Omit<NewLink, "up" | "master">;

export type LinkSpec = NewLink &
  (
    | { readonly kind: "bridge"; readonly bridge?: BridgeOptions }
    | { readonly kind: "vxlan"; readonly vxlan: VxlanOptions & { readonly vni: number } }
    | { readonly kind: "veth"; readonly peer: VethPeer }
    | { readonly kind: "dummy" }
  );

/** Which link: by index, or by name in the socket's namespace. */
export type LinkId = { readonly index: number } | { readonly name: string };

/** What can be changed. A link chosen by index can be given a new name. */
export interface LinkChange extends LinkAttributes {
  readonly bridge?: BridgeOptions;
  /** Only what a kernel lets change: learning, ageing, limit, remote. */
  readonly vxlan?: VxlanOptions;
}

const ATTRIBUTE_FIELDS: FieldTable<Omit<LinkAttributes, "up">> = {
  name: [rt.IFLA_IFNAME, text],
  mtu: [rt.IFLA_MTU, u32],
  mac: [rt.IFLA_ADDRESS, mac],
  master: [rt.IFLA_MASTER, u32],
  transmitQueueLength: [rt.IFLA_TXQLEN, u32],
  namespaceFd: [rt.IFLA_NET_NS_FD, u32],
  linkNamespaceId: [rt.IFLA_LINK_NETNSID, i32],
};

/** Longest name of a link in bytes: IFNAMSIZ less the final NUL. */
export const LINK_NAME_MAX_BYTES = 15;

/** Writes the payload of RTM_NEWLINK that makes a link. @throws RangeError for a name the kernel would cut or refuse */
export function writeLinkSpec(writer: MessageWriter, spec: LinkSpec): void {
  writeEnd(writer, spec);
  const info = writer.nestBegin(rt.IFLA_LINKINFO);
  writer.attrString(rt.IFLA_INFO_KIND, spec.kind);
  if (spec.kind === "veth") {
    const data = writer.nestBegin(rt.IFLA_INFO_DATA);
    const peer = writer.nestBegin(rt.VETH_INFO_PEER);
    writeEnd(writer, spec.peer);
    writer.nestEnd(peer).nestEnd(data);
  } else if (spec.kind !== "dummy") {
    writeInfoData(writer, spec);
  }
  writer.nestEnd(info);
}

/** Writes the payload of RTM_NEWLINK or RTM_SETLINK that changes a link. */
export function writeLinkChange(writer: MessageWriter, id: LinkId, change: LinkChange): void {
  const byName = "name" in id;
  if (byName && change.name !== undefined) throw new RangeError(`rename link ${id.name}: choose it by its index`);
  writeHeader(writer, 0, byName ? 0 : id.index, change.up);
  if (byName) checkName(id.name);
  writeFields(writer, ATTRIBUTE_FIELDS, byName ? { ...change, name: id.name } : change);
  if (change.bridge || change.vxlan) {
    const info = writer.nestBegin(rt.IFLA_LINKINFO);
    writer.attrString(rt.IFLA_INFO_KIND, change.bridge ? "bridge" : "vxlan");
    writeInfoData(writer, change);
    writer.nestEnd(info);
  }
}

/** Writes the payload of RTM_DELLINK, or of RTM_GETLINK for one link. */
export function writeLinkId(writer: MessageWriter, id: LinkId, get = false): void {
  writeHeader(writer, 0, "index" in id ? id.index : 0, undefined);
  if (get) writer.attrU32(rt.IFLA_EXT_MASK, rt.RTEXT_FILTER_SKIP_STATS);
  if ("name" in id) writer.attrString(rt.IFLA_IFNAME, checkName(id.name));
}

/** Writes the payload of RTM_SETLINK that changes how a bridge treats a port. */
export function writeBridgePortChange(writer: MessageWriter, index: number, options: BridgePortOptions): void {
  writeHeader(writer, AF_BRIDGE, index, undefined);
  const info = writer.nestBegin(rt.IFLA_PROTINFO);
  writeFields(writer, BRIDGE_PORT_FIELDS, options);
  writer.nestEnd(info);
}

/** Which links a dump tells; the kernel filters. */
export interface LinkFilter {
  readonly kind?: string;
  /** Index of a bridge: its ports only. */
  readonly master?: number;
  /** Not a filter: whether the links' IPv6 settings are wanted too. */
  readonly ipv6?: boolean;
}

/** Writes the payload of a RTM_GETLINK dump: without statistics. */
export function writeLinkDump(writer: MessageWriter, filter: LinkFilter = {}): void {
  writeHeader(writer, 0, 0, undefined);
  writer.attrU32(rt.IFLA_EXT_MASK, rt.RTEXT_FILTER_SKIP_STATS);
  if (filter.master !== undefined) writer.attrU32(rt.IFLA_MASTER, filter.master);
  if (filter.kind === undefined) return;
  const info = writer.nestBegin(rt.IFLA_LINKINFO);
  writer.attrString(rt.IFLA_INFO_KIND, filter.kind);
  writer.nestEnd(info);
}

/**
 * Reads the payload of RTM_NEWLINK or RTM_DELLINK.
 * @param withIpv6 whether to read {@link Link.ipv6}
 * @throws NetlinkFormatError
 */
export function parseLink(payload: Buffer, withIpv6 = false): Link {
  const flags = need(payload, rt.IFINFOMSG_BYTES).readUInt32LE(8);
  const attributes = parseAttributes(payload, rt.IFINFOMSG_BYTES);
  const {
    name,
    mtu,
    mac: address,
    master,
    linkNamespaceId,
    transmitQueueLength,
  } = readFields(attributes, ATTRIBUTE_FIELDS);
  const { peerIndex, operationalState } = readFields(attributes, REPORTED_FIELDS);
  const info = parseLinkInfo(attributes);
  const ipv6 = withIpv6 ? parseIpv6Settings(attributes) : undefined;
  return {
    index: payload.readInt32LE(4),
    name: name ?? "",
    flags,
    up: (flags & rt.IFF_UP) !== 0,
    mtu: mtu ?? 0,
    mac: address ?? "",
    master: master ?? 0,
    peerIndex: peerIndex ?? 0,
    ...(linkNamespaceId === undefined ? {} : { linkNamespaceId }),
    ...(transmitQueueLength === undefined ? {} : { transmitQueueLength }),
    ...(operationalState === undefined ? {} : { operationalState }),
    ...info,
    ...(ipv6 && { ipv6 }),
    kind: info.kind ?? ((flags & rt.IFF_LOOPBACK) !== 0 ? "loopback" : ""),
  };
}

const REPORTED_FIELDS: FieldTable<{ peerIndex: number; operationalState: number }> = {
  peerIndex: [rt.IFLA_LINK, u32],
  operationalState: [rt.IFLA_OPERSTATE, u8],
};

type LinkInfo = Partial<Pick<Link, "kind" | "bridge" | "vxlan" | "port" | "vethPeer">>;

/** A bridge's port is told in IFLA_LINKINFO (plain messages) or in IFLA_PROTINFO (messages of family AF_BRIDGE). */
function parseLinkInfo(attributes: Attributes): LinkInfo {
  const protocolInfo = attributes.get(rt.IFLA_PROTINFO);
  const port = protocolInfo && { port: readFields(parseAttributes(protocolInfo), BRIDGE_PORT_FIELDS) };
  const payload = attributes.get(rt.IFLA_LINKINFO);
  if (!payload) return { ...port };
  const info = parseAttributes(payload);
  const kindPayload = info.get(rt.IFLA_INFO_KIND);
  const kind = kindPayload && readString(kindPayload);
  const slaveKind = info.get(rt.IFLA_INFO_SLAVE_KIND);
  const slaveData = info.get(rt.IFLA_INFO_SLAVE_DATA);
  return {
    ...(kind === undefined ? {} : { kind }),
    ...parseInfoData(kind, info.get(rt.IFLA_INFO_DATA)),
    ...port,
    ...(slaveData && slaveKind && readString(slaveKind) === "bridge"
      ? { port: readFields(parseAttributes(slaveData), BRIDGE_PORT_FIELDS) }
      : {}),
  };
}

function parseInfoData(kind: string | undefined, data: Buffer | undefined): LinkInfo {
  if (!data) return {};
  switch (kind) {
    case "bridge":
      return { bridge: readFields(parseAttributes(data), BRIDGE_FIELDS) };
    case "vxlan":
      return { vxlan: readFields(parseAttributes(data), VXLAN_FIELDS) };
    case "veth": {
      const peer = parseAttributes(data).get(rt.VETH_INFO_PEER);
      return peer ? { vethPeer: parseLink(peer) } : {};
    }
    default:
      return {};
  }
}

function writeInfoData(writer: MessageWriter, options: Pick<LinkChange, "bridge" | "vxlan">): void {
  const data = writer.nestBegin(rt.IFLA_INFO_DATA);
  if (options.bridge) writeFields(writer, BRIDGE_FIELDS, options.bridge);
  else if (options.vxlan) writeFields(writer, VXLAN_FIELDS, options.vxlan);
  writer.nestEnd(data);
}

function writeEnd(writer: MessageWriter, end: NewLink): void {
  checkName(end.name);
  writeHeader(writer, 0, end.index ?? 0, end.up);
  writeFields(writer, ATTRIBUTE_FIELDS, end);
}

function writeHeader(writer: MessageWriter, family: number, index: number, up: boolean | undefined): void {
  writer
    .u8(family)
    .u8(0)
    .u16(0)
    .i32(index)
    .u32(up ? rt.IFF_UP : 0)
    .u32(up === undefined ? 0 : rt.IFF_UP);
}

function checkName(name: string): string {
  const size = Buffer.byteLength(name);
  if (size === 0 || size > LINK_NAME_MAX_BYTES) {
    throw new RangeError(`link name "${name}" has ${size} bytes: 1 to ${LINK_NAME_MAX_BYTES} are allowed`);
  }
  return name;
}
