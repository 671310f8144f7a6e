/**
 * IPVS_CMD_ATTR_SERVICE: a service's key, settings and counters.
 *
 * ```
 * SERVICE (nested) { AF u16 | FWMARK u32, or PROTOCOL u16, ADDR 16 bytes, PORT u16 be
 *                  | SCHED_NAME string | FLAGS {flags u32, mask u32} | TIMEOUT u32
 *                  | NETMASK u32: IPv4 a mask in network order, IPv6 a prefix length
 *                  | STATS, STATS64 (from the kernel only) }
 * ```
 * Source: include/uapi/linux/ip_vs.h, net/netfilter/ipvs/ip_vs_ctl.c (ip_vs_genl_parse_service, ip_vs_genl_fill_service).
 */
import { AF_INET, AF_INET6 } from "../libc.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import {
  type Attributes,
  need,
  parseAttributes,
  readString,
  readU16,
  readU16be,
  readU32,
  readU32be,
} from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { decodeAddress, encodeAddress } from "./address.js";
import {
  IP_VS_SVC_F_HASHED,
  IPVS_CMD_ATTR_SERVICE,
  IPVS_SVC_ATTR_ADDR,
  IPVS_SVC_ATTR_AF,
  IPVS_SVC_ATTR_FLAGS,
  IPVS_SVC_ATTR_FWMARK,
  IPVS_SVC_ATTR_NETMASK,
  IPVS_SVC_ATTR_PORT,
  IPVS_SVC_ATTR_PROTOCOL,
  IPVS_SVC_ATTR_SCHED_NAME,
  IPVS_SVC_ATTR_STATS,
  IPVS_SVC_ATTR_STATS64,
  IPVS_SVC_ATTR_TIMEOUT,
} from "./constants.js";
import type { IpvsFamily, IpvsProtocol, IpvsService, IpvsServiceKey, IpvsServiceReport } from "./objects.js";
import { parseStatistics, writeStatistics } from "./statistics-codec.js";

const PROTOCOL_NUMBERS: Readonly<Record<IpvsProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };
const PROTOCOL_NAMES = new Map<number, IpvsProtocol>([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);
const ALL_FLAGS = 0xffffffff;
const SCHEDULER_BYTES = 16;

/** Writes the whole service: commands NEW_SERVICE and SET_SERVICE. */
export function writeService(writer: MessageWriter, service: IpvsService): void {
  if (Buffer.byteLength(service.scheduler) >= SCHEDULER_BYTES) {
    throw new RangeError(`the scheduler name "${service.scheduler}" has more than ${SCHEDULER_BYTES - 1} bytes`);
  }
  const nest = writer.nestBegin(IPVS_CMD_ATTR_SERVICE);
  writeKey(writer, service.key);
  writeSettings(writer, service);
  writer.nestEnd(nest);
}

/** Writes a service's key alone: DEL_SERVICE, the *_DEST commands and GET_DEST. */
export function writeServiceKey(writer: MessageWriter, key: IpvsServiceKey): void {
  const nest = writer.nestBegin(IPVS_CMD_ATTR_SERVICE);
  writeKey(writer, key);
  writer.nestEnd(nest);
}

/** Writes a service as the kernel reports it, for tests and simulated kernels. */
export function writeServiceReport(writer: MessageWriter, report: IpvsServiceReport): void {
  const nest = writer.nestBegin(IPVS_CMD_ATTR_SERVICE);
  writeKey(writer, report.key);
  writeSettings(writer, { ...report, flags: report.flags | IP_VS_SVC_F_HASHED });
  writeStatistics(writer, IPVS_SVC_ATTR_STATS, IPVS_SVC_ATTR_STATS64, report.statistics);
  writer.nestEnd(nest);
}

/** Reads the service of one dumped message. @throws NetlinkFormatError */
export function parseService(attributes: Attributes): IpvsServiceReport {
  const nest = attributes.get(IPVS_CMD_ATTR_SERVICE);
  if (!nest) throw new NetlinkFormatError("an IPVS message without a service");
  const service = parseAttributes(nest);
  const key = parseKey(service);
  const scheduler = service.get(IPVS_SVC_ATTR_SCHED_NAME);
  const flags = service.get(IPVS_SVC_ATTR_FLAGS);
  const timeout = service.get(IPVS_SVC_ATTR_TIMEOUT);
  const netmask = service.get(IPVS_SVC_ATTR_NETMASK);
  if (!scheduler || !flags || !timeout || !netmask)
    throw new NetlinkFormatError("an IPVS service without its settings");
  return {
    key,
    scheduler: readString(scheduler),
    flags: (readU32(need(flags, 8)) & ~IP_VS_SVC_F_HASHED) >>> 0,
    persistenceTimeoutS: readU32(timeout),
    persistencePrefixBits: key.family === "ipv4" ? prefixBits(readU32be(netmask)) : readU32(netmask),
    statistics: parseStatistics(service.get(IPVS_SVC_ATTR_STATS), service.get(IPVS_SVC_ATTR_STATS64)),
  };
}

function writeKey(writer: MessageWriter, key: IpvsServiceKey): void {
  writer.attrU16(IPVS_SVC_ATTR_AF, key.family === "ipv4" ? AF_INET : AF_INET6);
  if ("mark" in key) {
    writer.attrU32(IPVS_SVC_ATTR_FWMARK, key.mark);
    return;
  }
  writer
    .attrU16(IPVS_SVC_ATTR_PROTOCOL, PROTOCOL_NUMBERS[key.protocol])
    .attrBytes(IPVS_SVC_ATTR_ADDR, encodeAddress(key.family, key.address))
    .attrU16be(IPVS_SVC_ATTR_PORT, key.port);
}

function writeSettings(writer: MessageWriter, service: IpvsService): void {
  writer.attrString(IPVS_SVC_ATTR_SCHED_NAME, service.scheduler);
  const flags = Buffer.alloc(8);
  flags.writeUInt32LE(service.flags, 0);
  flags.writeUInt32LE(ALL_FLAGS, 4);
  writer.attrBytes(IPVS_SVC_ATTR_FLAGS, flags).attrU32(IPVS_SVC_ATTR_TIMEOUT, service.persistenceTimeoutS);
  const bits = service.persistencePrefixBits;
  if (service.key.family === "ipv6") writer.attrU32(IPVS_SVC_ATTR_NETMASK, bits);
  else writer.attrU32be(IPVS_SVC_ATTR_NETMASK, bits === 0 ? 0 : 0xffffffff << (32 - bits));
}

function parseKey(service: Attributes): IpvsServiceKey {
  const family = parseFamily(service.get(IPVS_SVC_ATTR_AF));
  const mark = service.get(IPVS_SVC_ATTR_FWMARK);
  if (mark) return { family, mark: readU32(mark) };
  const protocolNumber = service.get(IPVS_SVC_ATTR_PROTOCOL);
  const address = service.get(IPVS_SVC_ATTR_ADDR);
  const port = service.get(IPVS_SVC_ATTR_PORT);
  if (!protocolNumber || !address || !port)
    throw new NetlinkFormatError("an IPVS service with neither mark nor address");
  const protocol = PROTOCOL_NAMES.get(readU16(protocolNumber));
  if (!protocol) throw new NetlinkFormatError(`an IPVS service of protocol ${readU16(protocolNumber)}`);
  return { family, protocol, address: decodeAddress(family, address), port: readU16be(port) };
}

/** AF_INET and AF_INET6; absent means IPv4 (kernels before 3.18 leave it out of destinations). @throws NetlinkFormatError */
export function parseFamily(payload: Buffer | undefined): IpvsFamily {
  const number = payload ? readU16(payload) : AF_INET;
  if (number === AF_INET) return "ipv4";
  if (number === AF_INET6) return "ipv6";
  throw new NetlinkFormatError(`an IPVS object of address family ${number}`);
}

function prefixBits(mask: number): number {
  const bits = Math.clz32(~mask >>> 0);
  if (mask !== (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0)) {
    throw new NetlinkFormatError(`0x${mask.toString(16)} is no prefix mask`);
  }
  return bits;
}
