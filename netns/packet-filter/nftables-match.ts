/** PacketMatch → nf_tables expressions that leave the rule unless all of it holds. Pure. */
import { endianness } from "node:os";
import * as nft from "../../native-bindings/nftables/constants.js";
import { type Expression, type MetaKey, slot } from "../../native-bindings/nftables/expression.js";
import { parsePrefix, prefixMask } from "./address-prefix.js";
import type { PacketMatch, TransportProtocol } from "./rules.js";

/** The register that every match and action uses; nothing is kept from one step to the next. */
export const REGISTER = 1;
export const ALL_BITS = 0xffff_ffff;
/** Name in the `lookup` of a rule's own port set, until the kernel numbers it. */
export const PORT_SET_NAME = "__set%d";
const PROTOCOL_NUMBERS: Readonly<Record<TransportProtocol, number>> = {
  tcp: nft.IPPROTO_TCP,
  udp: nft.IPPROTO_UDP,
  sctp: nft.IPPROTO_SCTP,
};
const STATE_BITS = {
  new: nft.CT_STATE_NEW,
  established: nft.CT_STATE_ESTABLISHED,
  related: nft.CT_STATE_RELATED,
  invalid: nft.CT_STATE_INVALID,
} as const;
const IPV4_SOURCE_OFFSET = 12;
const IPV4_DESTINATION_OFFSET = 16;
const ARPHRD_ETHER = 1;

/**
 * The anonymous set that a rule's one lookup reads: protocol and port together. (A set of ports alone would be a bitmap in the
 * kernel, which takes time linear in its size for every element: 20 ms for 2,000.)
 */
export interface PortSet {
  readonly protocol: number;
  /** Ascending. */
  readonly ports: readonly number[];
}

export function compileMatch(match: PacketMatch): { expressions: Expression[]; portSet?: PortSet } {
  const expressions = [
    ...matchInterface("iifname", match.inInterface, "eq"),
    ...matchInterface("iifname", match.notInInterface, "neq"),
    ...matchInterface("oifname", match.outInterface, "eq"),
    ...matchInterface("oifname", match.notOutInterface, "neq"),
    ...matchMac(match.sourceMac),
    ...matchAddress(IPV4_SOURCE_OFFSET, match.source, "eq"),
    ...matchAddress(IPV4_SOURCE_OFFSET, match.notSource, "neq"),
    ...matchAddress(IPV4_DESTINATION_OFFSET, match.destination, "eq"),
    ...matchAddress(IPV4_DESTINATION_OFFSET, match.notDestination, "neq"),
    ...matchLocal(nft.NFTA_FIB_F_SADDR, match.sourceLocal),
    ...matchLocal(nft.NFTA_FIB_F_DADDR, match.destinationLocal),
    ...(match.mark ? matchMark("meta", match.mark.value, match.mark.mask ?? ALL_BITS) : []),
    ...(match.connectionMark ? matchMark("ct", match.connectionMark.value, match.connectionMark.mask ?? ALL_BITS) : []),
    ...matchState(match.connectionState),
    ...(match.protocol ? matchProtocol(match.protocol) : []),
  ];
  if (match.sourcePort !== undefined) expressions.push(loadPort(0), compare("eq", portBytes(match.sourcePort)));
  if (!match.destinationPorts) return { expressions };
  const ports = [...new Set(match.destinationPorts)].sort((a, b) => a - b);
  if (ports.length === 1) {
    expressions.push(loadPort(2), compare("eq", portBytes(ports[0]!)));
    return { expressions };
  }
  expressions.push(
    { kind: "meta", key: "l4proto", destination: slot(0) },
    { kind: "payload", base: "transport", offset: 2, length: 2, destination: slot(1) },
    { kind: "lookup", set: PORT_SET_NAME, source: slot(0) },
  );
  return { expressions, portSet: { protocol: PROTOCOL_NUMBERS[match.protocol!], ports } };
}

function matchInterface(key: MetaKey, name: string | undefined, operator: "eq" | "neq"): Expression[] {
  if (name === undefined) return [];
  return [{ kind: "meta", key, destination: REGISTER }, compare(operator, Buffer.concat([Buffer.from(name)], 16))];
}

function matchMac(mac: string | undefined): Expression[] {
  if (mac === undefined) return [];
  return [
    { kind: "meta", key: "iiftype", destination: REGISTER },
    compare("eq", hostBytes(ARPHRD_ETHER, 2)),
    { kind: "payload", base: "link", offset: 6, length: 6, destination: REGISTER },
    compare("eq", Buffer.from(mac.replaceAll(":", ""), "hex")),
  ];
}

function matchAddress(offset: number, text: string | undefined, operator: "eq" | "neq"): Expression[] {
  const prefix = text === undefined ? undefined : parsePrefix(text);
  if (!prefix || prefix.length === 0) return [];
  const { address, length } = prefix;
  const wholeBytes = length % 8 === 0 ? length / 8 : 4;
  const load: Expression = { kind: "payload", base: "network", offset, length: wholeBytes, destination: REGISTER };
  if (length % 8 === 0) return [load, compare(operator, address.subarray(0, wholeBytes))];
  const mask = Buffer.alloc(4);
  mask.writeUInt32BE(prefixMask(length));
  return [load, bitwise(mask, Buffer.alloc(4)), compare(operator, address)];
}

function matchLocal(flags: number, wanted: boolean | undefined): Expression[] {
  if (wanted === undefined) return [];
  return [
    { kind: "fib", result: "type", flags, destination: REGISTER },
    compare(wanted ? "eq" : "neq", hostBytes(nft.RTN_LOCAL, 4)),
  ];
}

export function matchMark(kind: "meta" | "ct", value: number, mask: number): Expression[] {
  const load: Expression = { kind, key: "mark", destination: REGISTER };
  if (mask === ALL_BITS) return [load, compare("eq", hostBytes(value, 4))];
  return [load, bitwise(hostBytes(mask, 4), Buffer.alloc(4)), compare("eq", hostBytes(value, 4))];
}

function matchState(states: PacketMatch["connectionState"]): Expression[] {
  if (!states) return [];
  const bits = states.reduce((sum, state) => sum | STATE_BITS[state], 0);
  return [
    { kind: "ct", key: "state", destination: REGISTER },
    bitwise(hostBytes(bits, 4), Buffer.alloc(4)),
    compare("neq", Buffer.alloc(4)),
  ];
}

export function matchProtocol(protocol: TransportProtocol): Expression[] {
  return [
    { kind: "meta", key: "l4proto", destination: REGISTER },
    compare("eq", Buffer.from([PROTOCOL_NUMBERS[protocol]])),
  ];
}

function loadPort(offset: number): Expression {
  return { kind: "payload", base: "transport", offset, length: 2, destination: REGISTER };
}

function compare(operator: "eq" | "neq", value: Uint8Array): Expression {
  return { kind: "cmp", source: REGISTER, operator, value };
}

export function bitwise(mask: Uint8Array, xor: Uint8Array): Expression {
  return { kind: "bitwise", source: REGISTER, destination: REGISTER, length: 4, mask, xor };
}

/** An element's key: each part padded to 4 bytes. */
export function portKey(protocol: number, port: number): Buffer {
  return Buffer.from([protocol, 0, 0, 0, port >> 8, port & 0xff, 0, 0]);
}

export function portBytes(port: number): Buffer {
  return Buffer.from([port >> 8, port & 0xff]);
}

/** A number as it lies in a register that the kernel reads in the machine's byte order. */
export function hostBytes(value: number, length: 2 | 4): Buffer {
  const bytes = Buffer.alloc(length);
  if (endianness() === "LE") bytes.writeUIntLE(value, 0, length);
  else bytes.writeUIntBE(value, 0, length);
  return bytes;
}
