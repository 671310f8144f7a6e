/**
 * Routing policy rules: include/uapi/linux/fib_rules.h.
 *
 * struct fib_rule_hdr, 12 bytes: `family u8 | dst length u8 | src length u8 | tos u8 | table u8 | reserved u8 ×2 | action u8 | flags u32`.
 */
import { AF_INET, AF_INET6 } from "../libc.js";
import { type FieldTable, ip, readFields, text, u8, u32, writeFields } from "../netlink/attribute-fields.js";
import { NLM_F_CREATE, NLM_F_EXCL } from "../netlink/constants.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import { need, parseAttributes } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { familyOf } from "./address.js";
import * as rt from "./constants.js";
import type { RouteOperation } from "./operation.js";
import { splitPrefix } from "./route.js";

/** Actions by their number in fib_rule_hdr. */
const RULE_ACTIONS = [
  "unspecified",
  "lookup",
  "goto",
  "nop",
  "reserved3",
  "reserved4",
  "blackhole",
  "unreachable",
  "prohibit",
] as const;
export type RuleAction = (typeof RULE_ACTIONS)[number];

export interface Rule {
  /** AF_INET when absent, and no source or destination tells otherwise. */
  readonly family?: number;
  /** "lookup" when absent. */
  readonly action?: RuleAction;
  readonly priority?: number;
  readonly table?: number;
  readonly mark?: number;
  /** Bits of the packet's mark that are compared with {@link mark}; the kernel takes all when absent. */
  readonly mask?: number;
  /** "10.0.0.0/8" */
  readonly source?: string;
  readonly destination?: string;
  readonly incomingLink?: string;
  readonly outgoingLink?: string;
  readonly invert?: boolean;
  /** RTPROT_*: who made it. */
  readonly protocol?: number;
}

interface RuleFields {
  destination?: string;
  source?: string;
  incomingLink?: string;
  priority?: number;
  mark?: number;
  table?: number;
  mask?: number;
  outgoingLink?: string;
  protocol?: number;
}

const FIELDS: FieldTable<RuleFields> = {
  destination: [rt.FRA_DST, ip],
  source: [rt.FRA_SRC, ip],
  incomingLink: [rt.FRA_IIFNAME, text],
  priority: [rt.FRA_PRIORITY, u32],
  mark: [rt.FRA_FWMARK, u32],
  table: [rt.FRA_TABLE, u32],
  mask: [rt.FRA_FWMASK, u32],
  outgoingLink: [rt.FRA_OIFNAME, text],
  protocol: [rt.FRA_PROTOCOL, u8],
};

/** Writes the payload of RTM_NEWRULE or RTM_DELRULE. @throws RangeError */
export function writeRule(writer: MessageWriter, rule: Rule): void {
  const source = rule.source === undefined ? undefined : splitPrefix(rule.source);
  const destination = rule.destination === undefined ? undefined : splitPrefix(rule.destination);
  const anyAddress = source?.address ?? destination?.address;
  const table = rule.table ?? 0;
  writer
    .u8(rule.family ?? (anyAddress === undefined ? AF_INET : familyOf(anyAddress)))
    .u8(destination?.length ?? 0)
    .u8(source?.length ?? 0)
    .u8(0)
    .u8(table > 255 ? 0 : table)
    .zeroes(2)
    .u8(RULE_ACTIONS.indexOf(rule.action ?? "lookup"))
    .u32(rule.invert ? rt.FIB_RULE_INVERT : 0);
  writeFields(writer, FIELDS, {
    ...(destination && destination.length > 0 ? { destination: destination.address } : {}),
    ...(source && source.length > 0 ? { source: source.address } : {}),
    incomingLink: rule.incomingLink,
    outgoingLink: rule.outgoingLink,
    priority: rule.priority,
    mark: rule.mark,
    mask: rule.mask,
    protocol: rule.protocol,
    ...(table > 255 ? { table } : {}),
  });
}

/** Reads the payload of RTM_NEWRULE or RTM_DELRULE. @throws NetlinkFormatError */
export function parseRule(payload: Buffer): Rule {
  const family = need(payload, rt.FIB_RULE_HEADER_BYTES).readUInt8(0);
  const action = RULE_ACTIONS[payload.readUInt8(7)];
  if (action === undefined) throw new NetlinkFormatError(`rule action ${payload.readUInt8(7)}`);
  const fields = readFields(parseAttributes(payload, rt.FIB_RULE_HEADER_BYTES), FIELDS);
  const { source, destination, table, ...others } = fields;
  const [destinationLength, sourceLength] = [payload.readUInt8(1), payload.readUInt8(2)];
  const zero = family === AF_INET6 ? "::" : "0.0.0.0";
  return {
    family,
    action,
    table: table ?? payload.readUInt8(4),
    ...others,
    ...(source !== undefined || sourceLength > 0 ? { source: `${source ?? zero}/${sourceLength}` } : {}),
    ...(destination !== undefined || destinationLength > 0
      ? { destination: `${destination ?? zero}/${destinationLength}` }
      : {}),
    invert: (payload.readUInt32LE(8) & rt.FIB_RULE_INVERT) !== 0,
  };
}

export function writeRuleDump(writer: MessageWriter, family: number = AF_INET): void {
  writer.u8(family).zeroes(rt.FIB_RULE_HEADER_BYTES - 1);
}

/** The kernel has no replace for rules: EEXIST when the same rule is there. */
export function addRule(rule: Rule): RouteOperation {
  return {
    describe: () => `add rule ${describeRule(rule)}`,
    write(writer) {
      writer.begin(rt.RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
      writeRule(writer, rule);
      writer.end();
    },
  };
}

/** Removes the first rule that agrees in what is given: ENOENT when none does. */
export function deleteRule(rule: Rule): RouteOperation {
  return {
    describe: () => `delete rule ${describeRule(rule)}`,
    write(writer) {
      writer.begin(rt.RTM_DELRULE, 0);
      writeRule(writer, rule);
      writer.end();
    },
  };
}

function describeRule(rule: Rule): string {
  const words: string[] = [];
  if (rule.priority !== undefined) words.push(`${rule.priority}:`);
  if (rule.source !== undefined) words.push(`from ${rule.source}`);
  if (rule.destination !== undefined) words.push(`to ${rule.destination}`);
  if (rule.mark !== undefined) {
    words.push(`fwmark 0x${rule.mark.toString(16)}${rule.mask === undefined ? "" : `/0x${rule.mask.toString(16)}`}`);
  }
  words.push(rule.action ?? "lookup");
  if (rule.table !== undefined) words.push(`${rule.table}`);
  return words.join(" ");
}
