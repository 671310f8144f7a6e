/**
 * Routes: include/uapi/linux/rtnetlink.h.
 *
 * struct rtmsg, 12 bytes: `family u8 | dst length u8 | src length u8 | tos u8 | table u8 | protocol u8 | scope u8 | type u8 | flags u32`.
 * A table above 255 stands in RTA_TABLE, with RT_TABLE_COMPAT in the header.
 */
import { AF_INET, AF_INET6 } from "../libc.js";
import { type FieldTable, ip, readFields, readIp, u32, writeFields } from "../netlink/attribute-fields.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import { need, parseAttributes } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { familyOf } from "./address.js";
import * as rt from "./constants.js";

/** Route types by their number in rtmsg. */
const ROUTE_TYPES = [
  "unspecified",
  "unicast",
  "local",
  "broadcast",
  "anycast",
  "multicast",
  "blackhole",
  "unreachable",
  "prohibit",
  "throw",
  "nat",
  "external",
] as const;
export type RouteType = (typeof ROUTE_TYPES)[number];

export interface Route {
  /** "10.0.1.0/24"; "0.0.0.0/0" or "::/0" is the default route. */
  readonly destination: string;
  /** "unicast" when absent. */
  readonly type?: RouteType;
  /** RT_TABLE_MAIN when absent. */
  readonly table?: number;
  /** RTPROT_*; RTPROT_STATIC when absent. */
  readonly protocol?: number;
  /** RT_SCOPE_*; when absent: host for local routes, link for those without a gateway, else universe. IPv6 has none. */
  readonly scope?: number;
  /** Index of the leaving link. */
  readonly linkIndex?: number;
  readonly gateway?: string;
  readonly preferredSource?: string;
  /** Metric: the lower one wins. 0 when absent; IPv6 turns that into 1024. */
  readonly priority?: number;
  readonly mtu?: number;
  /** RTNH_F_* and RTM_F_* bits. */
  readonly flags?: number;
  /** Several next hops, instead of {@link gateway} and {@link linkIndex}. */
  readonly nextHops?: readonly NextHop[];
}

export interface NextHop {
  readonly linkIndex: number;
  readonly gateway?: string;
  /** 1…256 */
  readonly weight: number;
  readonly flags?: number;
}

interface RouteFields {
  destination?: string;
  linkIndex?: number;
  gateway?: string;
  priority?: number;
  preferredSource?: string;
  table?: number;
}

const FIELDS: FieldTable<RouteFields> = {
  destination: [rt.RTA_DST, ip],
  gateway: [rt.RTA_GATEWAY, ip],
  linkIndex: [rt.RTA_OIF, u32],
  priority: [rt.RTA_PRIORITY, u32],
  preferredSource: [rt.RTA_PREFSRC, ip],
  table: [rt.RTA_TABLE, u32],
};

/** Writes the payload of RTM_NEWROUTE or RTM_DELROUTE. @throws RangeError */
export function writeRoute(writer: MessageWriter, route: Route): void {
  const { address, length } = splitPrefix(route.destination);
  const table = route.table ?? rt.RT_TABLE_MAIN;
  const type = route.type ?? "unicast";
  writer
    .u8(familyOf(address))
    .u8(length)
    .u8(0)
    .u8(0)
    .u8(table > 255 ? rt.RT_TABLE_COMPAT : table)
    .u8(route.protocol ?? rt.RTPROT_STATIC)
    .u8(route.scope ?? defaultScope(route, type, address))
    .u8(ROUTE_TYPES.indexOf(type))
    .u32(route.flags ?? 0);
  writeFields(writer, FIELDS, {
    ...(length > 0 ? { destination: address } : {}),
    gateway: route.gateway,
    linkIndex: route.linkIndex,
    priority: route.priority,
    preferredSource: route.preferredSource,
    ...(table > 255 ? { table } : {}),
  });
  if (route.mtu !== undefined) {
    const metrics = writer.nestBegin(rt.RTA_METRICS);
    writer.attrU32(rt.RTAX_MTU, route.mtu).nestEnd(metrics);
  }
  if (route.nextHops) writeNextHops(writer, route.nextHops);
}

/** Reads the payload of RTM_NEWROUTE or RTM_DELROUTE. @throws NetlinkFormatError */
export function parseRoute(payload: Buffer): Route {
  const family = need(payload, rt.RTMSG_BYTES).readUInt8(0);
  const length = payload.readUInt8(1);
  const attributes = parseAttributes(payload, rt.RTMSG_BYTES);
  const { destination, table, ...fields } = readFields(attributes, FIELDS);
  const type = ROUTE_TYPES[payload.readUInt8(7)];
  if (type === undefined) throw new NetlinkFormatError(`route type ${payload.readUInt8(7)}`);
  const metrics = attributes.get(rt.RTA_METRICS);
  const mtu = metrics && parseAttributes(metrics).get(rt.RTAX_MTU);
  const multipath = attributes.get(rt.RTA_MULTIPATH);
  return {
    destination: `${destination ?? (family === AF_INET6 ? "::" : "0.0.0.0")}/${length}`,
    type,
    table: table ?? payload.readUInt8(4),
    protocol: payload.readUInt8(5),
    scope: payload.readUInt8(6),
    flags: payload.readUInt32LE(8),
    ...fields,
    ...(mtu ? { mtu: need(mtu, 4).readUInt32LE(0) } : {}),
    ...(multipath ? { nextHops: parseNextHops(multipath) } : {}),
  };
}

/** Which routes a dump tells; the kernel filters. */
export interface RouteFilter {
  /** AF_INET (default) or AF_INET6. */
  readonly family?: number;
  readonly table?: number;
  readonly type?: RouteType;
  readonly protocol?: number;
  readonly linkIndex?: number;
}

export function writeRouteDump(writer: MessageWriter, filter: RouteFilter = {}): void {
  const table = filter.table ?? 0;
  writer
    .u8(filter.family ?? AF_INET)
    .zeroes(3)
    .u8(table > 255 ? 0 : table)
    .u8(filter.protocol ?? 0)
    .u8(0)
    .u8(filter.type === undefined ? 0 : ROUTE_TYPES.indexOf(filter.type))
    .u32(0);
  writeFields(writer, FIELDS, { linkIndex: filter.linkIndex, ...(table > 255 ? { table } : {}) });
}

/** How a packet is sent: RTM_GETROUTE for one destination. */
export interface RouteQuery {
  readonly destination: string;
  readonly source?: string;
  readonly mark?: number;
  readonly linkIndex?: number;
}

/** Asks for the table that decided, too; for IPv6 the kernel always says it, and refuses to be asked. */
export function writeRouteQuery(writer: MessageWriter, query: RouteQuery): void {
  const family = familyOf(query.destination);
  const bits = family === AF_INET6 ? 128 : 32;
  writer
    .u8(family)
    .u8(bits)
    .u8(query.source === undefined ? 0 : bits)
    .zeroes(5)
    .u32(family === AF_INET6 ? 0 : rt.RTM_F_LOOKUP_TABLE);
  writeFields<{ destination?: string; source?: string; mark?: number; linkIndex?: number }>(
    writer,
    { destination: [rt.RTA_DST, ip], source: [rt.RTA_SRC, ip], mark: [rt.RTA_MARK, u32], linkIndex: [rt.RTA_OIF, u32] },
    query,
  );
}

/** @returns address and length of "10.0.1.0/24". @throws RangeError for anything else */
export function splitPrefix(prefix: string): { readonly address: string; readonly length: number } {
  const match = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(prefix);
  const length = Number(match?.[2]);
  if (!match || length > (match[1]!.includes(":") ? 128 : 32)) throw new RangeError(`"${prefix}" is no prefix`);
  return { address: match[1]!, length };
}

function defaultScope(route: Route, type: RouteType, address: string): number {
  if (familyOf(address) === AF_INET6) return rt.RT_SCOPE_UNIVERSE;
  if (type === "local" || type === "nat") return rt.RT_SCOPE_HOST;
  if (type === "broadcast" || type === "anycast" || type === "multicast") return rt.RT_SCOPE_LINK;
  const direct = type === "unicast" && route.gateway === undefined && route.nextHops === undefined;
  return direct ? rt.RT_SCOPE_LINK : rt.RT_SCOPE_UNIVERSE;
}

/** struct rtnexthop, 8 bytes: `length u16 | flags u8 | weight less one u8 | link index i32`, then its attributes. */
function writeNextHops(writer: MessageWriter, hops: readonly NextHop[]): void {
  const list = writer.nestBegin(rt.RTA_MULTIPATH, false);
  for (const { linkIndex, gateway, weight, flags } of hops) {
    const gatewayBytes = gateway === undefined ? 0 : familyOf(gateway) === AF_INET6 ? 20 : 8;
    writer
      .u16(rt.RTNEXTHOP_BYTES + gatewayBytes)
      .u8(flags ?? 0)
      .u8(weight - 1)
      .i32(linkIndex);
    if (gateway !== undefined) ip.write(writer, rt.RTA_GATEWAY, gateway);
  }
  writer.nestEnd(list);
}

function parseNextHops(bytes: Buffer): NextHop[] {
  const hops: NextHop[] = [];
  let at = 0;
  while (bytes.length - at >= rt.RTNEXTHOP_BYTES) {
    const length = bytes.readUInt16LE(at);
    if (length < rt.RTNEXTHOP_BYTES || length > bytes.length - at) {
      throw new NetlinkFormatError(`next hop of ${length} bytes at byte ${at} of ${bytes.length}`);
    }
    const gateway = parseAttributes(bytes.subarray(at, at + length), rt.RTNEXTHOP_BYTES).get(rt.RTA_GATEWAY);
    hops.push({
      linkIndex: bytes.readInt32LE(at + 4),
      weight: bytes.readUInt8(at + 3) + 1,
      flags: bytes.readUInt8(at + 2),
      ...(gateway ? { gateway: readIp(gateway) } : {}),
    });
    at += (length + 3) & ~3;
  }
  if (at < bytes.length) throw new NetlinkFormatError(`${bytes.length - at} stray bytes behind the last next hop`);
  return hops;
}
