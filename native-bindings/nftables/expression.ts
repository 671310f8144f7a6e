/**
 * nf_tables expressions: the steps of a rule, in order. Each loads a register, compares one, or acts.
 *
 * Sixteen 4-byte slots hold all data; a verdict has a register of its own (0). Register numbers 1…4 name 16-byte registers,
 * 8…23 the single slots: use {@link slot}, which gives each slot the number that the kernel prints.
 *
 * Values are raw bytes as they lie in the register: addresses and ports in network order, marks, ct states and fib types in
 * the host's. Source: include/uapi/linux/netfilter/nf_tables.h.
 */

export const VERDICT_REGISTER = 0;

/** @returns the register number of the 4-byte slot 0…15. */
export function slot(index: number): number {
  return index % 4 === 0 ? 1 + index / 4 : 8 + index;
}

export type Verdict =
  | { readonly kind: "accept" | "drop" | "continue" | "break" | "return" }
  | { readonly kind: "jump" | "goto"; readonly chain: string };

export const META_KEYS = {
  length: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  nfproto: 15,
  l4proto: 16,
  pkttype: 19,
} as const;
export type MetaKey = keyof typeof META_KEYS;

export const CT_KEYS = { state: 0, direction: 1, status: 2, mark: 3, protocol: 10, zone: 17 } as const;
export type CtKey = keyof typeof CT_KEYS;

export const PAYLOAD_BASES = { link: 0, network: 1, transport: 2 } as const;
export const COMPARE_OPERATORS = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const;
export const NAT_TYPES = { source: 0, destination: 1 } as const;
export const NAT_FAMILIES = { ip: 2, ip6: 10 } as const;
export const REJECT_TYPES = { icmp: 0, "tcp-reset": 1, icmpx: 2 } as const;
export const FIB_RESULTS = { oif: 1, oifname: 2, type: 3 } as const;
export const NUMGEN_MODES = { increment: 0, random: 1 } as const;

export type Expression =
  /** Loads packet metadata into `destination`, or sets it from `source`. */
  | {
      readonly kind: "meta";
      readonly key: MetaKey;
      readonly destination?: number;
      readonly source?: number;
    }
  /** Loads `length` bytes at `offset` of a header. */
  | {
      readonly kind: "payload";
      readonly base: keyof typeof PAYLOAD_BASES;
      readonly offset: number;
      readonly length: number;
      readonly destination: number;
    }
  /** Leaves the rule unless the register compares so. */
  | {
      readonly kind: "cmp";
      readonly source: number;
      readonly operator: keyof typeof COMPARE_OPERATORS;
      readonly value: Uint8Array;
    }
  /** destination = (source & mask) ^ xor */
  | {
      readonly kind: "bitwise";
      readonly source: number;
      readonly destination: number;
      readonly length: number;
      readonly mask: Uint8Array;
      readonly xor: Uint8Array;
    }
  | { readonly kind: "immediate"; readonly destination: number; readonly value: Uint8Array }
  | { readonly kind: "verdict"; readonly verdict: Verdict }
  /**
   * Looks the register(s) from `source` up in a set. Without `destination` the rule goes on if the key is there (`invert`:
   * if not); with one it loads the map's value, {@link VERDICT_REGISTER} for a verdict map. `setId` names a set made in the
   * same batch, needed for anonymous ones.
   */
  | {
      readonly kind: "lookup";
      readonly set: string;
      readonly source: number;
      readonly destination?: number;
      readonly setId?: number;
      readonly invert?: boolean;
    }
  /** `flags`: NF_NAT_RANGE_* beyond those that follow from the registers (4 random, 8 persistent, 16 fully random). */
  | {
      readonly kind: "nat";
      readonly type: keyof typeof NAT_TYPES;
      readonly family: keyof typeof NAT_FAMILIES;
      readonly address?: number;
      readonly addressMax?: number;
      readonly port?: number;
      readonly portMax?: number;
      readonly flags?: number;
    }
  | { readonly kind: "masq"; readonly port?: number; readonly portMax?: number; readonly flags?: number }
  | { readonly kind: "redir"; readonly port?: number; readonly portMax?: number; readonly flags?: number }
  | { readonly kind: "reject"; readonly type: keyof typeof REJECT_TYPES; readonly code?: number }
  /** Loads a connection-tracking value into `destination`, or sets it from `source`. `direction` 0 original, 1 reply. */
  | {
      readonly kind: "ct";
      readonly key: CtKey;
      readonly destination?: number;
      readonly source?: number;
      readonly direction?: number;
    }
  /** Asks the routing table; `flags` NFTA_FIB_F_*. */
  | {
      readonly kind: "fib";
      readonly result: keyof typeof FIB_RESULTS;
      readonly flags: number;
      readonly destination: number;
    }
  /** destination = offset + (counter or random number) mod modulus, in the host's byte order. */
  | {
      readonly kind: "numgen";
      readonly mode: keyof typeof NUMGEN_MODES;
      readonly modulus: number;
      readonly offset: number;
      readonly destination: number;
    }
  | { readonly kind: "counter"; readonly packets?: bigint; readonly bytes?: bigint }
  /** One that this codec does not know, or knows with other values; `data` is its attribute payload. */
  | { readonly kind: "unknown"; readonly name: string; readonly data: Uint8Array };

export type ExpressionOf<K extends Expression["kind"]> = Extract<Expression, { kind: K }>;
