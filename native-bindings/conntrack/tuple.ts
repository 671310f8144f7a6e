/**
 * One direction of a connection, on the wire:
 *
 * ```
 * CTA_TUPLE_* { CTA_TUPLE_IP { CTA_IP_V4_SRC, CTA_IP_V4_DST } , CTA_TUPLE_PROTO { CTA_PROTO_NUM u8, ports u16 BE | icmp id, type, code } }
 * ```
 */
import { type FieldTable, ip, readFields, u8, u16be, writeFields } from "../netlink/attribute-fields.js";
import { type Attributes, parseAttributes } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import * as ct from "./constants.js";

export interface Tuple {
  readonly source: string;
  readonly destination: string;
  /** IP protocol number: 6 TCP, 17 UDP, 132 SCTP, 1 ICMP, 58 ICMPv6. */
  readonly protocol: number;
  /** Of TCP, UDP, SCTP and their like. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Of ICMP and ICMPv6. */
  readonly icmpId?: number;
  readonly icmpType?: number;
  readonly icmpCode?: number;
}

type TransportFields = Partial<Omit<Tuple, "source" | "destination">>;

const IPV4_FIELDS: FieldTable<{ source?: string; destination?: string }> = {
  source: [ct.CTA_IP_V4_SRC, ip],
  destination: [ct.CTA_IP_V4_DST, ip],
};
const IPV6_FIELDS: FieldTable<{ source?: string; destination?: string }> = {
  source: [ct.CTA_IP_V6_SRC, ip],
  destination: [ct.CTA_IP_V6_DST, ip],
};
const TRANSPORT_FIELDS: FieldTable<TransportFields> = {
  protocol: [ct.CTA_PROTO_NUM, u8],
  sourcePort: [ct.CTA_PROTO_SRC_PORT, u16be],
  destinationPort: [ct.CTA_PROTO_DST_PORT, u16be],
  icmpId: [ct.CTA_PROTO_ICMP_ID, u16be],
  icmpType: [ct.CTA_PROTO_ICMP_TYPE, u8],
  icmpCode: [ct.CTA_PROTO_ICMP_CODE, u8],
};
const ICMPV6_FIELDS: FieldTable<TransportFields> = {
  ...TRANSPORT_FIELDS,
  icmpId: [ct.CTA_PROTO_ICMPV6_ID, u16be],
  icmpType: [ct.CTA_PROTO_ICMPV6_TYPE, u8],
  icmpCode: [ct.CTA_PROTO_ICMPV6_CODE, u8],
};

/** Writes what is present: a whole tuple names a connection, a part of one filters. @throws RangeError */
export function writeTuple(writer: MessageWriter, type: number, tuple: Partial<Tuple>): void {
  const nest = writer.nestBegin(type);
  if (tuple.source !== undefined || tuple.destination !== undefined) {
    const address = writer.nestBegin(ct.CTA_TUPLE_IP);
    const ipv6 = (tuple.source ?? tuple.destination)?.includes(":");
    writeFields(writer, ipv6 ? IPV6_FIELDS : IPV4_FIELDS, tuple);
    writer.nestEnd(address);
  }
  if (tuple.protocol !== undefined) {
    const transport = writer.nestBegin(ct.CTA_TUPLE_PROTO);
    writeFields(writer, tuple.protocol === ct.IPPROTO_ICMPV6 ? ICMPV6_FIELDS : TRANSPORT_FIELDS, tuple);
    writer.nestEnd(transport);
  }
  writer.nestEnd(nest);
}

/** Reads the payload of CTA_TUPLE_ORIG or CTA_TUPLE_REPLY. @throws NetlinkFormatError */
export function parseTuple(payload: Buffer): Tuple {
  const parts = parseAttributes(payload);
  const address = parts.get(ct.CTA_TUPLE_IP);
  const transport = parts.get(ct.CTA_TUPLE_PROTO);
  const addresses = address ? parseAttributes(address) : new Map<number, Buffer>();
  return {
    source: "",
    destination: "",
    protocol: 0,
    ...readFields(addresses, addresses.has(ct.CTA_IP_V6_SRC) ? IPV6_FIELDS : IPV4_FIELDS),
    ...(transport ? parseTransport(parseAttributes(transport)) : {}),
  };
}

function parseTransport(attributes: Attributes): TransportFields {
  return readFields(attributes, attributes.has(ct.CTA_PROTO_ICMPV6_ID) ? ICMPV6_FIELDS : TRANSPORT_FIELDS);
}

/** "udp 10.0.0.2:40000 → 10.0.9.1:53" */
export function describeTuple(tuple: Tuple): string {
  const protocol = PROTOCOL_NAMES[tuple.protocol] ?? `protocol ${tuple.protocol}`;
  const end = (address: string, port: number | undefined) => (port === undefined ? address : `${address}:${port}`);
  return `${protocol} ${end(tuple.source, tuple.sourcePort)} → ${end(tuple.destination, tuple.destinationPort)}`;
}

const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "icmpv6",
  132: "sctp",
};
