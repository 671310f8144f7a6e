/**
 * IPVS_CMD_ATTR_DEST: a destination's key, settings and counters.
 *
 * ```
 * DEST (nested) { ADDR_FAMILY u16 | ADDR 16 bytes | PORT u16 be | FWD_METHOD u32 | WEIGHT u32
 *               | TUN_TYPE u8 | TUN_PORT u16 be | TUN_FLAGS u16 | U_THRESH u32 | L_THRESH u32
 *               | ACTIVE_CONNS, INACT_CONNS, PERSIST_CONNS u32, STATS, STATS64 (from the kernel only) }
 * ```
 * Source: include/uapi/linux/ip_vs.h, net/netfilter/ipvs/ip_vs_ctl.c (ip_vs_genl_parse_dest, ip_vs_genl_fill_dest).
 */
import { AF_INET, AF_INET6 } from "../libc.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import { type Attributes, parseAttributes, readU8, readU16, readU16be, readU32 } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { decodeAddress, encodeAddress } from "./address.js";
import {
  IP_VS_CONN_F_FWD_MASK,
  IPVS_CMD_ATTR_DEST,
  IPVS_DEST_ATTR_ACTIVE_CONNS,
  IPVS_DEST_ATTR_ADDR,
  IPVS_DEST_ATTR_ADDR_FAMILY,
  IPVS_DEST_ATTR_FWD_METHOD,
  IPVS_DEST_ATTR_INACT_CONNS,
  IPVS_DEST_ATTR_L_THRESH,
  IPVS_DEST_ATTR_PERSIST_CONNS,
  IPVS_DEST_ATTR_PORT,
  IPVS_DEST_ATTR_STATS,
  IPVS_DEST_ATTR_STATS64,
  IPVS_DEST_ATTR_TUN_FLAGS,
  IPVS_DEST_ATTR_TUN_PORT,
  IPVS_DEST_ATTR_TUN_TYPE,
  IPVS_DEST_ATTR_U_THRESH,
  IPVS_DEST_ATTR_WEIGHT,
} from "./constants.js";
import type { IpvsDestination, IpvsDestinationReport, IpvsForwarding, IpvsTunnel } from "./objects.js";
import { parseFamily } from "./service-codec.js";
import { parseStatistics, writeStatistics } from "./statistics-codec.js";

/** By number: IP_VS_CONN_F_MASQ and following. */
const FORWARDINGS: readonly IpvsForwarding[] = ["masquerade", "local", "tunnel", "route", "bypass"];
/** By number: IP_VS_CONN_F_TUNNEL_TYPE_IPIP and following. */
const TUNNEL_TYPES: readonly IpvsTunnel["type"][] = ["ipip", "gue", "gre"];

/** Writes a destination: NEW_DEST, SET_DEST and DEL_DEST (which looks at address and port alone). */
export function writeDestination(writer: MessageWriter, destination: IpvsDestination): void {
  const nest = writer.nestBegin(IPVS_CMD_ATTR_DEST);
  writeSettings(writer, destination);
  writer.nestEnd(nest);
}

/** Writes a destination as the kernel reports it, for tests and simulated kernels. */
export function writeDestinationReport(writer: MessageWriter, report: IpvsDestinationReport): void {
  const nest = writer.nestBegin(IPVS_CMD_ATTR_DEST);
  writeSettings(writer, report);
  writer
    .attrU32(IPVS_DEST_ATTR_ACTIVE_CONNS, report.activeConnections)
    .attrU32(IPVS_DEST_ATTR_INACT_CONNS, report.inactiveConnections)
    .attrU32(IPVS_DEST_ATTR_PERSIST_CONNS, report.persistentConnections);
  writeStatistics(writer, IPVS_DEST_ATTR_STATS, IPVS_DEST_ATTR_STATS64, report.statistics);
  writer.nestEnd(nest);
}

/** Reads the destination of one dumped message. @throws NetlinkFormatError */
export function parseDestination(attributes: Attributes): IpvsDestinationReport {
  const nest = attributes.get(IPVS_CMD_ATTR_DEST);
  if (!nest) throw new NetlinkFormatError("an IPVS message without a destination");
  const destination = parseAttributes(nest);
  const family = parseFamily(destination.get(IPVS_DEST_ATTR_ADDR_FAMILY));
  return {
    family,
    address: decodeAddress(family, required(destination, IPVS_DEST_ATTR_ADDR, "address")),
    port: readU16be(required(destination, IPVS_DEST_ATTR_PORT, "port")),
    forwarding: parseForwarding(readU32(required(destination, IPVS_DEST_ATTR_FWD_METHOD, "forwarding method"))),
    weight: readU32(required(destination, IPVS_DEST_ATTR_WEIGHT, "weight")),
    upperThreshold: optionalU32(destination, IPVS_DEST_ATTR_U_THRESH),
    lowerThreshold: optionalU32(destination, IPVS_DEST_ATTR_L_THRESH),
    tunnel: parseTunnel(destination),
    activeConnections: optionalU32(destination, IPVS_DEST_ATTR_ACTIVE_CONNS),
    inactiveConnections: optionalU32(destination, IPVS_DEST_ATTR_INACT_CONNS),
    persistentConnections: optionalU32(destination, IPVS_DEST_ATTR_PERSIST_CONNS),
    statistics: parseStatistics(destination.get(IPVS_DEST_ATTR_STATS), destination.get(IPVS_DEST_ATTR_STATS64)),
  };
}

function writeSettings(writer: MessageWriter, destination: IpvsDestination): void {
  writer
    .attrU16(IPVS_DEST_ATTR_ADDR_FAMILY, destination.family === "ipv4" ? AF_INET : AF_INET6)
    .attrBytes(IPVS_DEST_ATTR_ADDR, encodeAddress(destination.family, destination.address))
    .attrU16be(IPVS_DEST_ATTR_PORT, destination.port)
    .attrU32(IPVS_DEST_ATTR_FWD_METHOD, FORWARDINGS.indexOf(destination.forwarding))
    .attrU32(IPVS_DEST_ATTR_WEIGHT, destination.weight)
    .attrU8(IPVS_DEST_ATTR_TUN_TYPE, TUNNEL_TYPES.indexOf(destination.tunnel.type))
    .attrU16be(IPVS_DEST_ATTR_TUN_PORT, destination.tunnel.port)
    .attrU16(IPVS_DEST_ATTR_TUN_FLAGS, destination.tunnel.flags)
    .attrU32(IPVS_DEST_ATTR_U_THRESH, destination.upperThreshold)
    .attrU32(IPVS_DEST_ATTR_L_THRESH, destination.lowerThreshold);
}

function parseForwarding(flags: number): IpvsForwarding {
  const forwarding = FORWARDINGS[flags & IP_VS_CONN_F_FWD_MASK];
  if (!forwarding) throw new NetlinkFormatError(`an IPVS destination with forwarding method ${flags}`);
  return forwarding;
}

/** Kernels before 5.3 know no tunnel types. */
function parseTunnel(destination: Attributes): IpvsTunnel {
  const typeNumber = destination.get(IPVS_DEST_ATTR_TUN_TYPE);
  const type = TUNNEL_TYPES[typeNumber ? readU8(typeNumber) : 0];
  if (!type) throw new NetlinkFormatError(`an IPVS destination with tunnel type ${typeNumber && readU8(typeNumber)}`);
  const port = destination.get(IPVS_DEST_ATTR_TUN_PORT);
  const flags = destination.get(IPVS_DEST_ATTR_TUN_FLAGS);
  return { type, port: port ? readU16be(port) : 0, flags: flags ? readU16(flags) : 0 };
}

function required(attributes: Attributes, type: number, what: string): Buffer {
  const payload = attributes.get(type);
  if (!payload) throw new NetlinkFormatError(`an IPVS destination without ${what}`);
  return payload;
}

function optionalU32(attributes: Attributes, type: number): number {
  const payload = attributes.get(type);
  return payload ? readU32(payload) : 0;
}
