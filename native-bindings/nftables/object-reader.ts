/** Reads what the kernel dumps: tables, chains, rules, sets, elements. All throw NetlinkFormatError for bytes of another form. */
import { NetlinkFormatError } from "../netlink/errors.js";
import {
  type Attributes,
  forEachAttribute,
  type NetlinkMessage,
  need,
  parseAttributes,
  readString,
  readU32be,
  readU64be,
} from "../netlink/message-reader.js";
import { NFGENMSG_BYTES } from "./constants.js";
import { NFTA_SET_ELEM_LIST_ELEMENTS, parseElementList } from "./element-codec.js";
import { parseExpressions } from "./expression-reader.js";
import {
  type Chain,
  type ChainBase,
  FAMILIES,
  type Family,
  HOOKS,
  type Hook,
  type Rule,
  type SetDefinition,
  type SetElement,
  type Table,
} from "./objects.js";

const FAMILY_NAMES: ReadonlyMap<number, Family> = new Map(
  Object.entries(FAMILIES).map(([name, number]) => [number, name as Family]),
);
const HOOK_NAMES: ReadonlyMap<number, Hook> = new Map(
  Object.entries(HOOKS).map(([name, number]) => [number, name as Hook]),
);
const CHAIN_TYPES: ReadonlySet<string> = new Set(["filter", "nat", "route"]);
const VERDICT_DROP = 0;

export function parseTable(message: NetlinkMessage): Table {
  const { family, attributes } = opened(message);
  return {
    family,
    table: requiredText(attributes, 1, "table name"),
    flags: optional(attributes, 2, readU32be) ?? 0,
    handle: optional(attributes, 4, readU64be),
  };
}

/**
 * A base chain of a family or type beyond {@link ChainBase} (netdev, arp, bridge) reads as one without `base`: this module writes
 * none of them.
 */
export function parseChain(message: NetlinkMessage): Chain {
  const { family, attributes } = opened(message);
  return {
    family,
    table: requiredText(attributes, 1, "table name"),
    name: requiredText(attributes, 3, "chain name"),
    base: parseBase(attributes),
    handle: optional(attributes, 2, readU64be),
  };
}

function parseBase(attributes: Attributes): ChainBase | undefined {
  const hookBytes = attributes.get(4);
  const type = optional(attributes, 7, readString);
  if (!hookBytes || type === undefined || !CHAIN_TYPES.has(type)) return undefined;
  const hookAttributes = parseAttributes(hookBytes);
  const hook = HOOK_NAMES.get(optional(hookAttributes, 1, readU32be) ?? -1);
  const priority = optional(hookAttributes, 2, readU32be);
  if (hook === undefined || priority === undefined) return undefined;
  const policy = optional(attributes, 5, readU32be);
  return {
    type: type as ChainBase["type"],
    hook,
    priority: priority | 0,
    ...(policy === undefined ? {} : { policy: policy === VERDICT_DROP ? "drop" : "accept" }),
  };
}

export function parseRule(message: NetlinkMessage): Rule {
  const { family, attributes } = opened(message);
  const expressions = attributes.get(4);
  return {
    family,
    table: requiredText(attributes, 1, "table name"),
    chain: requiredText(attributes, 2, "chain name"),
    expressions: expressions ? parseExpressions(expressions) : [],
    userdata: optional(attributes, 7, copied),
    handle: optional(attributes, 3, readU64be),
    position: optional(attributes, 6, readU64be),
  };
}

export function parseSet(message: NetlinkMessage): SetDefinition {
  const { family, attributes } = opened(message);
  const description = attributes.get(9);
  const described = description && parseAttributes(description);
  const fields = described?.get(2);
  return {
    family,
    table: requiredText(attributes, 1, "table name"),
    name: requiredText(attributes, 2, "set name"),
    flags: optional(attributes, 3, readU32be) ?? 0,
    keyType: optional(attributes, 4, readU32be) ?? 0,
    keyLength: required(attributes, 5, "key length", readU32be),
    dataType: optional(attributes, 6, readU32be),
    dataLength: optional(attributes, 7, readU32be),
    id: optional(attributes, 10, readU32be),
    size: described && optional(described, 1, readU32be),
    fieldLengths: fields && parseFieldLengths(fields),
    userdata: optional(attributes, 13, copied),
    handle: optional(attributes, 16, readU64be),
  };
}

function parseFieldLengths(payload: Buffer): number[] {
  const lengths: number[] = [];
  forEachAttribute(payload, 0, (_type, field) => {
    lengths.push(required(parseAttributes(field), 1, "field length", readU32be));
  });
  return lengths;
}

/** The set's name and the part of its elements that this message carries; appends to `into` when given. */
export function parseElements(
  message: NetlinkMessage,
  into: SetElement[] = [],
): {
  readonly family: Family;
  readonly table: string;
  readonly set: string;
  readonly id?: number;
  readonly elements: SetElement[];
} {
  const { family, attributes } = opened(message);
  const list = attributes.get(NFTA_SET_ELEM_LIST_ELEMENTS);
  return {
    family,
    table: requiredText(attributes, 1, "table name"),
    set: requiredText(attributes, 2, "set name"),
    id: optional(attributes, 4, readU32be),
    elements: list ? parseElementList(list, into) : into,
  };
}

/** The ruleset's generation: changes with every transaction in the namespace. */
export function parseGeneration(message: NetlinkMessage): number {
  const attributes = parseAttributes(need(message.payload, NFGENMSG_BYTES), NFGENMSG_BYTES);
  return required(attributes, 1, "generation", readU32be);
}

function opened(message: NetlinkMessage): { family: Family; attributes: Attributes } {
  const payload = need(message.payload, NFGENMSG_BYTES);
  const family = FAMILY_NAMES.get(payload[0]!);
  if (family === undefined) throw new NetlinkFormatError(`an nf_tables object of family ${payload[0]}`);
  return { family, attributes: parseAttributes(payload, NFGENMSG_BYTES) };
}

function optional<T>(attributes: Attributes, type: number, read: (payload: Buffer) => T): T | undefined {
  const payload = attributes.get(type);
  return payload && read(payload);
}

function required<T>(attributes: Attributes, type: number, what: string, read: (payload: Buffer) => T): T {
  const payload = attributes.get(type);
  if (!payload) throw new NetlinkFormatError(`an nf_tables object without its ${what}`);
  return read(payload);
}

function requiredText(attributes: Attributes, type: number, what: string): string {
  return required(attributes, type, what, readString);
}

function copied(payload: Buffer): Buffer {
  return Buffer.from(payload);
}
