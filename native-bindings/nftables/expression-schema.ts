/**
 * Which attribute carries which field of an expression, in the order in which nft(8) sends them.
 *
 * ```
 * NFTA_LIST_ELEM(1) { NFTA_EXPR_NAME(1) "cmp", NFTA_EXPR_DATA(2) { fields … } }
 * ```
 */
import {
  COMPARE_OPERATORS,
  CT_KEYS,
  type Expression,
  FIB_RESULTS,
  META_KEYS,
  NAT_FAMILIES,
  NAT_TYPES,
  NUMGEN_MODES,
  PAYLOAD_BASES,
  REJECT_TYPES,
} from "./expression.js";

export type FieldCodec =
  | { readonly as: "u8" | "u32" | "u64" | "string" | "value" | "invert" }
  /** The kernel's default, so never sent; with another value the expression is not the one that this schema describes. */
  | { readonly as: "constant"; readonly number: number }
  | {
      readonly as: "choice";
      readonly numberOf: ReadonlyMap<string, number>;
      readonly nameOf: ReadonlyMap<number, string>;
    };

export interface Field {
  readonly name: string;
  readonly attribute: number;
  readonly codec: FieldCodec;
  readonly optional: boolean;
}

const NFT_BITWISE_MASK_XOR = 0;

/** The kinds whose fields map one to one to attributes; `verdict`, `immediate` and `unknown` have code of their own. */
export type SchemaKind = Exclude<Expression["kind"], "verdict" | "immediate" | "unknown">;

const required = (name: string, attribute: number, codec: FieldCodec): Field => ({
  name,
  attribute,
  codec,
  optional: false,
});
const optional = (name: string, attribute: number, codec: FieldCodec): Field => ({
  name,
  attribute,
  codec,
  optional: true,
});
const u8: FieldCodec = { as: "u8" };
const u32: FieldCodec = { as: "u32" };
const u64: FieldCodec = { as: "u64" };
const value: FieldCodec = { as: "value" };
const text: FieldCodec = { as: "string" };

function choice(numbers: Readonly<Record<string, number>>): FieldCodec {
  const entries = Object.entries(numbers);
  return { as: "choice", numberOf: new Map(entries), nameOf: new Map(entries.map(([name, number]) => [number, name])) };
}

export const EXPRESSION_FIELDS: Readonly<Record<SchemaKind, readonly Field[]>> = {
  meta: [required("key", 2, choice(META_KEYS)), optional("destination", 1, u32), optional("source", 3, u32)],
  payload: [
    required("destination", 1, u32),
    required("base", 2, choice(PAYLOAD_BASES)),
    required("offset", 3, u32),
    required("length", 4, u32),
  ],
  cmp: [required("source", 1, u32), required("operator", 2, choice(COMPARE_OPERATORS)), required("value", 3, value)],
  bitwise: [
    required("source", 1, u32),
    required("destination", 2, u32),
    optional("operation", 6, { as: "constant", number: NFT_BITWISE_MASK_XOR }),
    required("length", 3, u32),
    required("mask", 4, value),
    required("xor", 5, value),
  ],
  lookup: [
    required("source", 2, u32),
    optional("destination", 3, u32),
    required("set", 1, text),
    optional("setId", 4, u32),
    optional("invert", 5, { as: "invert" }),
  ],
  nat: [
    required("type", 1, choice(NAT_TYPES)),
    required("family", 2, choice(NAT_FAMILIES)),
    optional("address", 3, u32),
    optional("addressMax", 4, u32),
    optional("port", 5, u32),
    optional("portMax", 6, u32),
    optional("flags", 7, u32),
  ],
  masq: [optional("flags", 1, u32), optional("port", 2, u32), optional("portMax", 3, u32)],
  redir: [optional("port", 1, u32), optional("portMax", 2, u32), optional("flags", 3, u32)],
  reject: [required("type", 1, choice(REJECT_TYPES)), optional("code", 2, u8)],
  ct: [
    required("key", 2, choice(CT_KEYS)),
    optional("destination", 1, u32),
    optional("direction", 3, u8),
    optional("source", 4, u32),
  ],
  fib: [required("flags", 3, u32), required("result", 2, choice(FIB_RESULTS)), required("destination", 1, u32)],
  numgen: [
    required("destination", 1, u32),
    required("modulus", 2, u32),
    required("mode", 3, choice(NUMGEN_MODES)),
    required("offset", 4, u32),
  ],
  counter: [optional("bytes", 1, u64), optional("packets", 2, u64)],
};

/** NF_NAT_RANGE_MAP_IPS and _PROTO_SPECIFIED: the kernel derives them from the registers given. */
export const NAT_FLAG_ADDRESS = 1;
export const NAT_FLAG_PORT = 2;
