import { NLA_F_NESTED } from "../netlink/constants.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import type { Expression } from "./expression.js";
import { EXPRESSION_FIELDS, type Field, NAT_FLAG_PORT } from "./expression-schema.js";
import { NFTA_DATA_VALUE, writeVerdict } from "./verdict.js";

export const NFTA_LIST_ELEM = 1;
export const NFTA_EXPR_NAME = 1;
export const NFTA_EXPR_DATA = 2;
export const NFTA_IMMEDIATE_DREG = 1;
export const NFTA_IMMEDIATE_DATA = 2;

/** Writes one list element: the expression's name and its fields. @throws RangeError for a value outside its field */
export function writeExpression(writer: MessageWriter, expression: Expression): void {
  const element = writer.nestBegin(NFTA_LIST_ELEM);
  if (expression.kind === "unknown") {
    writer.attrString(NFTA_EXPR_NAME, expression.name);
    writer.attrBytes(NFTA_EXPR_DATA | NLA_F_NESTED, expression.data);
    writer.nestEnd(element);
    return;
  }
  writer.attrString(NFTA_EXPR_NAME, expression.kind === "verdict" ? "immediate" : expression.kind);
  const data = writer.nestBegin(NFTA_EXPR_DATA);
  if (expression.kind === "verdict") {
    writer.attrU32be(NFTA_IMMEDIATE_DREG, 0);
    const nested = writer.nestBegin(NFTA_IMMEDIATE_DATA);
    writeVerdict(writer, expression.verdict);
    writer.nestEnd(nested);
  } else if (expression.kind === "immediate") {
    writer.attrU32be(NFTA_IMMEDIATE_DREG, expression.destination);
    writeValue(writer, NFTA_IMMEDIATE_DATA, expression.value);
  } else {
    for (const field of EXPRESSION_FIELDS[expression.kind]) writeField(writer, expression, field);
  }
  writer.nestEnd(data);
  writer.nestEnd(element);
}

/** Writes `attribute { NFTA_DATA_VALUE value }`. */
export function writeValue(writer: MessageWriter, attribute: number, value: Uint8Array): void {
  const nested = writer.nestBegin(attribute);
  writer.attrBytes(NFTA_DATA_VALUE, value);
  writer.nestEnd(nested);
}

function writeField(writer: MessageWriter, expression: Expression, field: Field): void {
  if (field.codec.as === "constant") return;
  let value = (expression as unknown as Readonly<Record<string, unknown>>)[field.name];
  if (field.name === "flags" && (expression.kind === "nat" || expression.kind === "redir")) {
    const flags = ((value as number | undefined) ?? 0) | (expression.port === undefined ? 0 : NAT_FLAG_PORT);
    value = flags === 0 ? undefined : flags;
  }
  if (value === undefined) {
    if (!field.optional) throw new RangeError(`expression ${expression.kind} without ${field.name}`);
    return;
  }
  const { codec, attribute } = field;
  switch (codec.as) {
    case "u8":
      writer.attrU8(attribute, value as number);
      return;
    case "u32":
      writer.attrU32be(attribute, value as number);
      return;
    case "u64":
      writer.attrU64be(attribute, value as bigint);
      return;
    case "string":
      writer.attrString(attribute, value as string);
      return;
    case "value":
      writeValue(writer, attribute, value as Uint8Array);
      return;
    case "invert":
      writer.attrU32be(attribute, value ? 1 : 0);
      return;
    case "choice": {
      const number = codec.numberOf.get(value as string);
      if (number === undefined) throw new RangeError(`expression ${expression.kind}: ${field.name} ${String(value)}`);
      writer.attrU32be(attribute, number);
    }
  }
}
