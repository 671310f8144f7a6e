import { NetlinkFormatError } from "../netlink/errors.js";
import {
  type Attributes,
  forEachAttribute,
  parseAttributes,
  readString,
  readU8,
  readU32be,
  readU64be,
} from "../netlink/message-reader.js";
import type { Expression } from "./expression.js";
import {
  EXPRESSION_FIELDS,
  type Field,
  NAT_FLAG_ADDRESS,
  NAT_FLAG_PORT,
  type SchemaKind,
} from "./expression-schema.js";
import { NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_IMMEDIATE_DATA, NFTA_IMMEDIATE_DREG } from "./expression-writer.js";
import { NFTA_DATA_VALUE, NFTA_DATA_VERDICT, parseVerdict } from "./verdict.js";

/**
 * Reads the payload of NFTA_RULE_EXPRESSIONS. Expressions with a name or a value outside this codec become `unknown`. What the
 * kernel adds to a nat, masq or redir (a range's upper end equal to the lower, flags that follow from the registers) is left
 * out, so that a written rule reads back as it was.
 * @throws NetlinkFormatError for bytes that are no attribute list
 */
export function parseExpressions(payload: Buffer): Expression[] {
  const expressions: Expression[] = [];
  forEachAttribute(payload, 0, (_type, element) => {
    expressions.push(parseExpression(element));
  });
  return expressions;
}

function parseExpression(element: Buffer): Expression {
  const parts = parseAttributes(element);
  const nameBytes = parts.get(NFTA_EXPR_NAME);
  if (!nameBytes) throw new NetlinkFormatError("an expression without a name");
  const name = readString(nameBytes);
  const data = parts.get(NFTA_EXPR_DATA) ?? Buffer.alloc(0);
  const known = name === "immediate" ? parseImmediate(data) : parseBySchema(name, data);
  return known ?? { kind: "unknown", name, data: Buffer.from(data) };
}

function parseImmediate(data: Buffer): Expression | undefined {
  const attributes = parseAttributes(data);
  const destination = attributes.get(NFTA_IMMEDIATE_DREG);
  const nested = attributes.get(NFTA_IMMEDIATE_DATA);
  if (!destination || !nested) return undefined;
  const inside = parseAttributes(nested);
  const value = inside.get(NFTA_DATA_VALUE);
  if (value) return { kind: "immediate", destination: readU32be(destination), value: Buffer.from(value) };
  const verdictBytes = inside.get(NFTA_DATA_VERDICT);
  const verdict = verdictBytes && parseVerdict(verdictBytes);
  return verdict && { kind: "verdict", verdict };
}

function parseBySchema(name: string, data: Buffer): Expression | undefined {
  if (!Object.hasOwn(EXPRESSION_FIELDS, name)) return undefined;
  const attributes = parseAttributes(data);
  const expression: Record<string, unknown> = { kind: name };
  for (const field of EXPRESSION_FIELDS[name as SchemaKind]) {
    if (field.codec.as === "constant") {
      const found = attributes.get(field.attribute);
      if (found && readU32be(found) !== field.codec.number) return undefined;
      continue;
    }
    const value = parseField(attributes, field);
    if (value !== undefined) expression[field.name] = value;
    else if (!field.optional) return undefined;
  }
  if (name === "nat" || name === "masq" || name === "redir") withoutDerivedParts(expression);
  return expression as unknown as Expression;
}

function parseField(attributes: Attributes, field: Field): unknown {
  const payload = attributes.get(field.attribute);
  if (!payload) return undefined;
  switch (field.codec.as) {
    case "u8":
      return readU8(payload);
    case "u32":
      return readU32be(payload);
    case "u64":
      return readU64be(payload);
    case "string":
      return readString(payload);
    case "value": {
      const value = parseAttributes(payload).get(NFTA_DATA_VALUE);
      return value && Buffer.from(value);
    }
    case "invert":
      return readU32be(payload) & 1 ? true : undefined;
    case "constant":
      return undefined;
    case "choice":
      return field.codec.nameOf.get(readU32be(payload));
  }
}

function withoutDerivedParts(expression: Record<string, unknown>): void {
  if (expression.addressMax === expression.address) delete expression.addressMax;
  if (expression.portMax === expression.port) delete expression.portMax;
  if (typeof expression.flags !== "number") return;
  const flags = (expression.flags & ~(NAT_FLAG_ADDRESS | NAT_FLAG_PORT)) >>> 0;
  if (flags === 0) delete expression.flags;
  else expression.flags = flags;
}
