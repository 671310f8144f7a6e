/**
 * The table of one namespace and family: what stands in it before the first service.
 *
 * ```
 * table ip tswarm-lb {
 *   map virtual-services   { type ipv4_addr : verdict }                     10.0.1.2 : goto service-256
 *   map published-services { type inet_proto . inet_service : verdict }     tcp . 8080 : goto service-256
 *   set virtual-addresses  { type ipv4_addr }                               every virtual address, with or without backends
 *   set refused-ports      { type inet_proto . inet_service }               published, but without backends
 *   map endpoints-0 … 63   { type mark : ipv4_addr }                        slot of a service : backend
 *   chain service-256      { dnat to numgen inc mod 3 offset 65536 map @endpoints-0 }
 *
 *   chain call   { type nat hook output priority dstnat;     meta l4proto != icmp ip daddr vmap @virtual-services }
 *   chain arrive { type nat hook prerouting priority dstnat; fib daddr type local meta l4proto . th dport vmap @published-services }
 *   chain refuse { type filter hook input priority filter;   ip daddr @virtual-addresses goto refuse-now
 *                                                            ct state new meta l4proto . th dport @refused-ports goto refuse-now }
 *   chain refuse-now { meta l4proto icmp return; meta l4proto tcp reject with tcp reset; reject }
 * }
 * ```
 *
 * Every service has a chain with a counter of its own, so round robin is exact for each, however the calls to many services
 * interleave: one counter for all services with as many backends would send alternate calls to two services to one backend
 * each, and random numbers miss "8 to 12 of 30" in a third of all cases. The price is small: a rule that looks into a map makes
 * the kernel walk that map and its other rules once (a check for loops), so with one map for all services 5,000 of them took
 * 1.3 s to load; with 64 maps it is 0.1 s.
 *
 * Services of IPv6 stand in a table of the same name and form, `ip6 tswarm-lb`, without what belongs to published ports; in the
 * place of the last rule of `refuse` it has a bare `ct state new`. It is there while there are such services.
 *
 * A virtual address is a local route of the namespace: a packet that no rule translated goes round over `lo` and would reach
 * the task's own listener on 0.0.0.0. The input hook refuses it, and also what comes from outside for a virtual address. It
 * is refused there, not on the way out, because a refusal in the output hook shows to a UDP sender as EPERM. Echo requests pass:
 * the namespace answers them itself.
 */
import * as nft from "../../native-bindings/nftables/constants.js";
import { type Expression, slot, VERDICT_REGISTER } from "../../native-bindings/nftables/expression.js";
import {
  type Chain,
  concatenatedType,
  type SetDefinition,
  type TableId,
} from "../../native-bindings/nftables/objects.js";
import type { Family } from "../family.js";

/** Maps that hold the endpoints of all services between them. */
export const SHARDS = 64;
const SHARD_BITS = 6;
const SLOT_BITS = 14;

export type PlainSet = "virtual-services" | "published-services" | "virtual-addresses" | "refused-ports";

/** The map that holds a service's slots. */
export function shardOf(mark: number): number {
  return mark & (SHARDS - 1);
}

/** Key of a service's slot 0; the mark's low bits stand in the map's name, the others above the slot's 14 bits. */
export function firstSlotOf(mark: number): number {
  return ((mark >>> SHARD_BITS) << SLOT_BITS) >>> 0;
}

/** The inverse of {@link shardOf} and {@link firstSlotOf}. */
export function slotOfKey(shard: number, key: number): { mark: number; index: number } {
  return { mark: ((key >>> SLOT_BITS) << SHARD_BITS) | shard, index: key & ((1 << SLOT_BITS) - 1) };
}

export function shardName(shard: number): string {
  return `endpoints-${shard}`;
}

export function shardOfName(name: string): number | undefined {
  const shard = name.startsWith("endpoints-") ? Number(name.slice(10)) : Number.NaN;
  return Number.isInteger(shard) && shard >= 0 && shard < SHARDS && shardName(shard) === name ? shard : undefined;
}

export function chainName(mark: number): string {
  return `service-${mark}`;
}

export function markOfChain(name: string): number | undefined {
  const mark = name.startsWith("service-") ? Number(name.slice(8)) : Number.NaN;
  return Number.isInteger(mark) && mark > 0 && mark <= 0xffffff && chainName(mark) === name ? mark : undefined;
}

const PORT_TYPE = concatenatedType(nft.KEY_TYPE_INET_PROTOCOL, nft.KEY_TYPE_INET_SERVICE);

/** For nft(8), which else shows the bytes in the wrong order: type 0 (byte order of the key), 4 bytes, 1 (the host's). */
const HOST_ENDIAN_KEY = Uint8Array.of(0, 4, 1, 0, 0, 0);

/** What differs between the families. */
interface FamilyNumbers {
  readonly addressType: number;
  readonly addressBytes: number;
  /** Of the destination in the header. */
  readonly destinationOffset: number;
  readonly icmp: number;
  readonly portUnreachable: number;
}

const NUMBERS: Readonly<Record<Family, FamilyNumbers>> = {
  ip: {
    addressType: nft.KEY_TYPE_IPV4_ADDRESS,
    addressBytes: 4,
    destinationOffset: 16,
    icmp: nft.IPPROTO_ICMP,
    portUnreachable: nft.ICMP_PORT_UNREACH,
  },
  ip6: {
    addressType: nft.KEY_TYPE_IPV6_ADDRESS,
    addressBytes: 16,
    destinationOffset: 24,
    icmp: nft.IPPROTO_ICMPV6,
    portUnreachable: nft.ICMPV6_PORT_UNREACH,
  },
};

/** The table of one family: what it holds of sets, chains and rules. */
export interface Layout {
  readonly family: Family;
  readonly table: TableId;
  /** The sets that always stand; none has a size, because the kernel then keeps them in tables that grow. */
  readonly plainSets: readonly (SetDefinition & { readonly name: PlainSet })[];
  /** The chains that always stand, with their rules. */
  readonly plainChains: readonly PlainChain[];
  shardSet(shard: number): SetDefinition;
  /** The one rule of a service's chain. @param slots at least 1 */
  serviceRule(mark: number, slots: number): readonly Expression[];
}

export interface PlainChain {
  readonly chain: Chain;
  readonly rules: readonly (readonly Expression[])[];
}

function makeLayout(family: Family): Layout {
  const table: TableId = { family, table: "tswarm-lb" };
  const { addressType, addressBytes } = NUMBERS[family];
  return {
    family,
    table,
    plainSets: [...addressSets(table, NUMBERS[family]), ...(family === "ip" ? portSets(table) : [])],
    plainChains: [...addressChains(table, NUMBERS[family]), ...(family === "ip" ? [arriveChain(table)] : [])],
    shardSet: (shard) => ({
      ...table,
      name: shardName(shard),
      id: 100 + shard,
      flags: nft.NFT_SET_MAP,
      keyType: nft.KEY_TYPE_MARK,
      keyLength: 4,
      dataType: addressType,
      dataLength: addressBytes,
      userdata: HOST_ENDIAN_KEY,
    }),
    serviceRule: (mark, slots) => [
      { kind: "numgen", mode: "increment", modulus: slots, offset: firstSlotOf(mark), destination: first },
      { kind: "lookup", set: shardName(shardOf(mark)), source: first, destination: first },
      { kind: "nat", type: "destination", family, address: first },
    ],
  };
}

function addressSets(table: TableId, { addressType, addressBytes }: FamilyNumbers): Layout["plainSets"] {
  const key = { keyType: addressType, keyLength: addressBytes };
  return [
    { ...table, name: "virtual-services", id: 1, flags: nft.NFT_SET_MAP, ...key, ...VERDICTS },
    { ...table, name: "virtual-addresses", id: 2, flags: 0, ...key },
  ];
}

function portSets(table: TableId): Layout["plainSets"] {
  const key = { keyType: PORT_TYPE, keyLength: 8 };
  return [
    { ...table, name: "published-services", id: 3, flags: nft.NFT_SET_MAP, ...key, ...VERDICTS },
    { ...table, name: "refused-ports", id: 4, flags: 0, ...key },
  ];
}

const VERDICTS = { dataType: nft.NFT_DATA_VERDICT, dataLength: 16 };

const [first, second] = [slot(0), slot(1)];
const PROTOCOL: Expression = { kind: "meta", key: "l4proto", destination: first };
const DESTINATION_PORT: Expression = {
  kind: "payload",
  base: "transport",
  offset: 2,
  length: 2,
  destination: second,
};

function protocolIs(operator: "eq" | "neq", protocol: number): Expression[] {
  return [PROTOCOL, { kind: "cmp", source: first, operator, value: Uint8Array.of(protocol) }];
}

const goto = (chain: string): Expression => ({ kind: "verdict", verdict: { kind: "goto", chain } });

function addressChains(table: TableId, numbers: FamilyNumbers): PlainChain[] {
  const { icmp, portUnreachable, destinationOffset, addressBytes } = numbers;
  const destinationAddress: Expression = {
    kind: "payload",
    base: "network",
    offset: destinationOffset,
    length: addressBytes,
    destination: first,
  };
  const call = { type: "nat", hook: "output", priority: nft.PRIORITY_NAT_DESTINATION } as const;
  const refuse = { type: "filter", hook: "input", priority: nft.PRIORITY_FILTER } as const;
  return [
    {
      chain: { ...table, name: "refuse-now" },
      rules: [
        [...protocolIs("eq", icmp), { kind: "verdict", verdict: { kind: "return" } }],
        [...protocolIs("eq", nft.IPPROTO_TCP), { kind: "reject", type: "tcp-reset" }],
        [{ kind: "reject", type: "icmp", code: portUnreachable }],
      ],
    },
    {
      chain: { ...table, name: "call", base: call },
      rules: [
        [
          ...protocolIs("neq", icmp),
          destinationAddress,
          { kind: "lookup", set: "virtual-services", source: first, destination: VERDICT_REGISTER },
        ],
      ],
    },
    {
      chain: { ...table, name: "refuse", base: refuse },
      rules: [
        [destinationAddress, { kind: "lookup", set: "virtual-addresses", source: first }, goto("refuse-now")],
        table.family === "ip" ? REFUSED_PORTS : KEEP_TRACKING,
      ],
    },
  ];
}

const NEW_CONNECTION: readonly Expression[] = [
  { kind: "ct", key: "state", destination: first },
  {
    kind: "bitwise",
    source: first,
    destination: first,
    length: 4,
    mask: littleEndian(nft.CT_STATE_NEW),
    xor: littleEndian(0),
  },
  { kind: "cmp", source: first, operator: "neq", value: littleEndian(0) },
];

const REFUSED_PORTS: readonly Expression[] = [
  ...NEW_CONNECTION,
  PROTOCOL,
  DESTINATION_PORT,
  { kind: "lookup", set: "refused-ports", source: first },
  goto("refuse-now"),
];

/**
 * A rule that asks and does nothing. The kernel tracks a family's connections in a namespace while some rule asks about them or
 * translates: without it they would break off when the last service loses its chain, though their backend only drains.
 */
const KEEP_TRACKING = NEW_CONNECTION;

function arriveChain(table: TableId): PlainChain {
  return {
    chain: {
      ...table,
      name: "arrive",
      base: { type: "nat", hook: "prerouting", priority: nft.PRIORITY_NAT_DESTINATION },
    },
    rules: [
      [
        { kind: "fib", result: "type", flags: nft.NFTA_FIB_F_DADDR, destination: first },
        { kind: "cmp", source: first, operator: "eq", value: littleEndian(nft.RTN_LOCAL) },
        PROTOCOL,
        DESTINATION_PORT,
        { kind: "lookup", set: "published-services", source: first, destination: VERDICT_REGISTER },
      ],
    ],
  };
}

/** Numbers that the kernel makes lie in a register in the host's byte order; every platform of this project is little endian. */
function littleEndian(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}

export const LAYOUTS: Readonly<Record<Family, Layout>> = { ip: makeLayout("ip"), ip6: makeLayout("ip6") };
