/** The objects of nf_tables: tables hold chains, sets and maps; chains hold rules; rules are lists of expressions. */
import type { Expression, Verdict } from "./expression.js";

/** NFPROTO_* of linux/netfilter.h. */
export const FAMILIES = { inet: 1, ip: 2, arp: 3, netdev: 5, bridge: 7, ip6: 10 } as const;
export type Family = keyof typeof FAMILIES;

/** NF_INET_* hook numbers. */
export const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
export type Hook = keyof typeof HOOKS;

export interface TableId {
  readonly family: Family;
  readonly table: string;
}

export interface Table extends TableId {
  /** NFT_TABLE_F_* bits. */
  readonly flags?: number;
  readonly handle?: bigint;
}

export interface ChainBase {
  /** `filter`, `nat`, or `route` (output only: a changed mark or address is routed anew). */
  readonly type: "filter" | "nat" | "route";
  readonly hook: Hook;
  readonly priority: number;
  /** `accept` by default. */
  readonly policy?: "accept" | "drop";
}

export interface Chain extends TableId {
  readonly name: string;
  /** Absent: a regular chain, reached by jump or goto. */
  readonly base?: ChainBase;
  readonly handle?: bigint;
}

export interface Rule extends TableId {
  readonly chain: string;
  readonly expressions: readonly Expression[];
  /** At most 256 bytes; see comment.ts for text that nft(8) shows. */
  readonly userdata?: Uint8Array;
  /** Given by the kernel. */
  readonly handle?: bigint;
  /** Handle of the rule after which (or, inserting, before which) this one goes. */
  readonly position?: bigint;
}

export interface SetDefinition extends TableId {
  /** `__set%d` or `__map%d` for an anonymous one: the kernel numbers it. */
  readonly name: string;
  /** NFT_SET_* bits. */
  readonly flags: number;
  /** nft(8)'s number of the key's type; of a concatenation, {@link concatenatedType}. */
  readonly keyType: number;
  /** Bytes; each field of a concatenation padded to a multiple of 4. */
  readonly keyLength: number;
  /** NFT_DATA_VERDICT for a verdict map; else nft(8)'s number of the value's type. */
  readonly dataType?: number;
  readonly dataLength?: number;
  /** Unique within a batch; refers to a set made in the same batch. The kernel demands one at creation. */
  readonly id?: number;
  /** How many elements it may hold. */
  readonly size?: number;
  /** Bytes of each field; for concatenations with intervals. */
  readonly fieldLengths?: readonly number[];
  readonly userdata?: Uint8Array;
  readonly handle?: bigint;
}

export interface SetElement {
  /** Absent for the catch-all element. */
  readonly key?: Uint8Array;
  /** Last key of an interval in a concatenation. */
  readonly keyEnd?: Uint8Array;
  /** A map's value … */
  readonly value?: Uint8Array;
  /** … or a verdict map's. */
  readonly verdict?: Verdict;
  /** NFT_SET_ELEM_* bits. */
  readonly flags?: number;
  readonly userdata?: Uint8Array;
}

/** nft(8)'s type number of a concatenation: six bits for each field, the first one highest. */
export function concatenatedType(...types: readonly number[]): number {
  return types.reduce((sum, type) => (sum << 6) | type, 0);
}
