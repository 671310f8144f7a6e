/**
 * The table of one namespace: what stands in it before the first service.
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

export const TABLE: TableId = { family: "ip", table: "tswarm-lb" };

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

/** The sets that always stand; none has a size, because the kernel then keeps them in tables that grow. */
export const PLAIN_SETS: readonly (SetDefinition & { readonly name: PlainSet })[] = [
  {
    ...TABLE,
    name: "virtual-services",
    id: 1,
    flags: nft.NFT_SET_MAP,
    keyType: nft.KEY_TYPE_IPV4_ADDRESS,
    keyLength: 4,
    dataType: nft.NFT_DATA_VERDICT,
    dataLength: 16,
  },
  {
    ...TABLE,
    name: "published-services",
    id: 2,
    flags: nft.NFT_SET_MAP,
    keyType: PORT_TYPE,
    keyLength: 8,
    dataType: nft.NFT_DATA_VERDICT,
    dataLength: 16,
  },
  { ...TABLE, name: "virtual-addresses", id: 3, flags: 0, keyType: nft.KEY_TYPE_IPV4_ADDRESS, keyLength: 4 },
  { ...TABLE, name: "refused-ports", id: 4, flags: 0, keyType: PORT_TYPE, keyLength: 8 },
];

export function shardSet(shard: number): SetDefinition {
  return {
    ...TABLE,
    name: shardName(shard),
    id: 100 + shard,
    flags: nft.NFT_SET_MAP,
    keyType: nft.KEY_TYPE_MARK,
    keyLength: 4,
    dataType: nft.KEY_TYPE_IPV4_ADDRESS,
    dataLength: 4,
    userdata: HOST_ENDIAN_KEY,
  };
}

const [first, second] = [slot(0), slot(1)];
const DESTINATION_ADDRESS: Expression = {
  kind: "payload",
  base: "network",
  offset: 16,
  length: 4,
  destination: first,
};
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

/** The chains that always stand, with their rules. */
export const PLAIN_CHAINS: readonly {
  readonly chain: Chain;
  readonly rules: readonly (readonly Expression[])[];
}[] = [
  {
    chain: { ...TABLE, name: "refuse-now" },
    rules: [
      [...protocolIs("eq", nft.IPPROTO_ICMP), { kind: "verdict", verdict: { kind: "return" } }],
      [...protocolIs("eq", nft.IPPROTO_TCP), { kind: "reject", type: "tcp-reset" }],
      [{ kind: "reject", type: "icmp", code: nft.ICMP_PORT_UNREACH }],
    ],
  },
  {
    chain: {
      ...TABLE,
      name: "call",
      base: { type: "nat", hook: "output", priority: nft.PRIORITY_NAT_DESTINATION },
    },
    rules: [
      [
        ...protocolIs("neq", nft.IPPROTO_ICMP),
        DESTINATION_ADDRESS,
        { kind: "lookup", set: "virtual-services", source: first, destination: VERDICT_REGISTER },
      ],
    ],
  },
  {
    chain: {
      ...TABLE,
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
  },
  {
    chain: { ...TABLE, name: "refuse", base: { type: "filter", hook: "input", priority: nft.PRIORITY_FILTER } },
    rules: [
      [DESTINATION_ADDRESS, { kind: "lookup", set: "virtual-addresses", source: first }, goto("refuse-now")],
      [
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
        PROTOCOL,
        DESTINATION_PORT,
        { kind: "lookup", set: "refused-ports", source: first },
        goto("refuse-now"),
      ],
    ],
  },
];

/** The one rule of a service's chain. @param slots at least 1 */
export function serviceRule(mark: number, slots: number): readonly Expression[] {
  return [
    { kind: "numgen", mode: "increment", modulus: slots, offset: firstSlotOf(mark), destination: first },
    { kind: "lookup", set: shardName(shardOf(mark)), source: first, destination: first },
    { kind: "nat", type: "destination", family: "ip", address: first },
  ];
}

/** Numbers that the kernel makes lie in a register in the host's byte order; every platform of this project is little endian. */
function littleEndian(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes;
}
