/** Tracked connections: include/uapi/linux/netfilter/nfnetlink_conntrack.h. All integers are big endian. */
import { AF_INET, AF_INET6 } from "../libc.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import { need, parseAttributes, readU8, readU16be, readU32be } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import * as ct from "./constants.js";
import { parseTuple, type Tuple, writeTuple } from "./tuple.js";

export interface ConntrackEntry {
  /** As the first packet came: from the client to the address it asked for. */
  readonly original: Tuple;
  /** As answers come: from the backend, when the destination was translated. */
  readonly reply: Tuple;
  /** IPS_* bits. */
  readonly status: number;
  /** Seconds until it is forgotten, when no packet comes; absent for some that are dying. */
  readonly timeoutSeconds?: number;
  readonly mark: number;
  /** Tells an entry from a later one with the same tuples. */
  readonly id?: number;
  readonly zone: number;
  /** TCP_CONNTRACK_*: 3 established, 7 time-wait … */
  readonly tcpState?: number;
}

/**
 * Which entries a dump tells. Kernels before 5.8 ignore all but the mark: check again what matters. IPv6 addresses are never
 * given to the kernel, because it then leaves out those that agree (ctnetlink_filter_match_tuple takes the result of a
 * comparison for its opposite, 5.8 up to this day): {@link agrees} looks at them.
 */
export interface ConntrackFilter {
  /** AF_INET or AF_INET6; that of the tuples' addresses when absent, AF_INET without any. */
  readonly family?: number;
  readonly original?: Partial<Tuple>;
  readonly reply?: Partial<Tuple>;
  readonly mark?: { readonly value: number; readonly mask: number };
}

/** Reads the payload of a conntrack message. @throws NetlinkFormatError */
export function parseConntrackEntry(payload: Buffer): ConntrackEntry {
  const attributes = parseAttributes(need(payload, ct.NFGENMSG_BYTES), ct.NFGENMSG_BYTES);
  const original = attributes.get(ct.CTA_TUPLE_ORIG);
  const reply = attributes.get(ct.CTA_TUPLE_REPLY);
  if (!original || !reply) throw new NetlinkFormatError("a tracked connection without its tuples");
  const number = (type: number) => {
    const value = attributes.get(type);
    return value && readU32be(value);
  };
  const [timeoutSeconds, id] = [number(ct.CTA_TIMEOUT), number(ct.CTA_ID)];
  const zone = attributes.get(ct.CTA_ZONE);
  const tcpState = readTcpState(attributes.get(ct.CTA_PROTOINFO));
  return {
    original: parseTuple(original),
    reply: parseTuple(reply),
    status: number(ct.CTA_STATUS) ?? 0,
    mark: number(ct.CTA_MARK) ?? 0,
    zone: zone ? readU16be(zone) : 0,
    ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }),
    ...(id === undefined ? {} : { id }),
    ...(tcpState === undefined ? {} : { tcpState }),
  };
}

/** Writes the payload of CT_NEW: a connection as {@link parseConntrackEntry} reads it. @throws RangeError */
export function writeConntrackEntry(writer: MessageWriter, entry: ConntrackEntry): void {
  writeGenericHeader(writer, familyOfTuple(entry.original));
  writeTuple(writer, ct.CTA_TUPLE_ORIG, entry.original);
  writeTuple(writer, ct.CTA_TUPLE_REPLY, entry.reply);
  writer.attrU32be(ct.CTA_STATUS, entry.status);
  if (entry.timeoutSeconds !== undefined) writer.attrU32be(ct.CTA_TIMEOUT, entry.timeoutSeconds);
  writer.attrU32be(ct.CTA_MARK, entry.mark);
  if (entry.tcpState !== undefined) {
    const information = writer.nestBegin(ct.CTA_PROTOINFO);
    const tcp = writer.nestBegin(ct.CTA_PROTOINFO_TCP);
    writer.attrU8(ct.CTA_PROTOINFO_TCP_STATE, entry.tcpState).nestEnd(tcp).nestEnd(information);
  }
  writeIdentity(writer, entry);
}

/** Writes the payload of CT_DELETE for one connection, by its original tuple; only that one when the id is given. */
export function writeConntrackKey(writer: MessageWriter, key: ConntrackKey): void {
  writeGenericHeader(writer, familyOfTuple(key.original));
  writeTuple(writer, ct.CTA_TUPLE_ORIG, key.original);
  writeIdentity(writer, key);
}

export type ConntrackKey = Pick<ConntrackEntry, "original"> & Partial<Pick<ConntrackEntry, "id" | "zone">>;

/** Writes the payload of a CT_GET dump. @throws RangeError */
export function writeConntrackDump(writer: MessageWriter, filter: ConntrackFilter = {}): void {
  writeGenericHeader(writer, filter.family ?? familyOfFilter(filter));
  writeMark(writer, filter.mark);
  const [original, reply] = [forKernel(filter.original), forKernel(filter.reply)];
  if (!original && !reply) return;
  if (original) writeTuple(writer, ct.CTA_TUPLE_ORIG, original);
  if (reply) writeTuple(writer, ct.CTA_TUPLE_REPLY, reply);
  const nest = writer.nestBegin(ct.CTA_FILTER);
  writer.attrU32(ct.CTA_FILTER_ORIG_FLAGS, filterFlags(original ?? {}));
  writer.attrU32(ct.CTA_FILTER_REPLY_FLAGS, filterFlags(reply ?? {}));
  writer.nestEnd(nest);
}

/** Whether an entry has the IPv6 addresses that the filter names, if any: all else the kernel has sorted out. */
export function agrees({ original, reply }: ConntrackEntry, filter: ConntrackFilter): boolean {
  return hasAddresses(original, filter.original) && hasAddresses(reply, filter.reply);
}

function hasAddresses(tuple: Tuple, wanted: Partial<Tuple> | undefined): boolean {
  if (!wanted || familyOfTuple(wanted) === AF_INET) return true;
  const { source = tuple.source, destination = tuple.destination } = wanted;
  return tuple.source === source && tuple.destination === destination;
}

function forKernel(tuple: Partial<Tuple> | undefined): Partial<Tuple> | undefined {
  if (!tuple || familyOfTuple(tuple) === AF_INET) return tuple;
  const { source: _, destination: __, ...rest } = tuple;
  return Object.values(rest).some((value) => value !== undefined) ? rest : undefined;
}

/** Writes the payload of CT_DELETE for every entry with the mark; for every entry at all without one. */
export function writeConntrackFlush(writer: MessageWriter, family: number, mark?: ConntrackFilter["mark"]): void {
  // With version 0 a flush ignores the family.
  writer.u8(family).u8(1).u16be(0);
  writeMark(writer, mark);
}

function writeMark(writer: MessageWriter, mark: ConntrackFilter["mark"]): void {
  if (!mark) return;
  writer.attrU32be(ct.CTA_MARK, mark.value).attrU32be(ct.CTA_MARK_MASK, mark.mask);
}

function writeIdentity(writer: MessageWriter, { id, zone }: Partial<Pick<ConntrackEntry, "id" | "zone">>): void {
  if (id !== undefined) writer.attrU32be(ct.CTA_ID, id);
  if (zone) writer.attrU16be(ct.CTA_ZONE, zone);
}

function writeGenericHeader(writer: MessageWriter, family: number): void {
  writer.u8(family).u8(0).u16be(0);
}

function familyOfTuple(tuple: Partial<Tuple>): number {
  return (tuple.source ?? tuple.destination)?.includes(":") ? AF_INET6 : AF_INET;
}

function familyOfFilter({ original, reply }: ConntrackFilter): number {
  return Math.max(familyOfTuple(original ?? {}), familyOfTuple(reply ?? {}));
}

function filterFlags(tuple: Partial<Tuple>): number {
  return (
    (tuple.source === undefined ? 0 : ct.FILTER_IP_SRC) |
    (tuple.destination === undefined ? 0 : ct.FILTER_IP_DST) |
    (tuple.protocol === undefined ? 0 : ct.FILTER_PROTO_NUM) |
    (tuple.sourcePort === undefined ? 0 : ct.FILTER_PROTO_SRC_PORT) |
    (tuple.destinationPort === undefined ? 0 : ct.FILTER_PROTO_DST_PORT)
  );
}

function readTcpState(information: Buffer | undefined): number | undefined {
  const tcp = information && parseAttributes(information).get(ct.CTA_PROTOINFO_TCP);
  const state = tcp && parseAttributes(tcp).get(ct.CTA_PROTOINFO_TCP_STATE);
  return state && readU8(state);
}
