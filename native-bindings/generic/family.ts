/**
 * The generic netlink controller: asks which message type a family has in this boot of the kernel.
 *
 * ```
 * netlink header (16) | command u8 | version u8 | reserved u16 | attributes …
 * ```
 * Source: include/uapi/linux/genetlink.h, net/netlink/genetlink.c.
 */
import { NetlinkFormatError } from "../netlink/errors.js";
import {
  type Attributes,
  forEachAttribute,
  need,
  parseAttributes,
  readString,
  readU16,
  readU32,
} from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import {
  CTRL_ATTR_FAMILY_ID,
  CTRL_ATTR_FAMILY_NAME,
  CTRL_ATTR_HDRSIZE,
  CTRL_ATTR_MAXATTR,
  CTRL_ATTR_MCAST_GROUPS,
  CTRL_ATTR_MCAST_GRP_ID,
  CTRL_ATTR_MCAST_GRP_NAME,
  CTRL_ATTR_OP_FLAGS,
  CTRL_ATTR_OP_ID,
  CTRL_ATTR_OPS,
  CTRL_ATTR_VERSION,
  CTRL_CMD_GETFAMILY,
  CTRL_CMD_NEWFAMILY,
  GENL_HEADER_BYTES,
  GENL_ID_CTRL,
  GENL_NAME_BYTES,
} from "./constants.js";

/** A family as the controller describes it. */
export interface GenericFamily {
  /** The netlink message type of the family's messages. */
  readonly id: number;
  readonly name: string;
  readonly version: number;
  /** Bytes of the family's own header behind the generic one. */
  readonly headerBytes: number;
  readonly maxAttribute: number;
  readonly operations: readonly { readonly command: number; readonly flags: number }[];
  readonly multicastGroups: readonly { readonly name: string; readonly id: number }[];
}

/** Writes the start of a generic netlink message: netlink header and generic header. */
export function beginGeneric(
  writer: MessageWriter,
  familyId: number,
  command: number,
  version: number,
  flags: number,
): MessageWriter {
  return writer.begin(familyId, flags).u8(command).u8(version).u16(0);
}

/** A generic netlink payload taken apart. */
export interface GenericPayload {
  readonly command: number;
  readonly version: number;
  readonly attributes: Attributes;
}

/** @throws NetlinkFormatError for a payload that is too short or has broken attributes */
export function parseGeneric(payload: Buffer): GenericPayload {
  need(payload, GENL_HEADER_BYTES);
  return {
    command: payload.readUInt8(0),
    version: payload.readUInt8(1),
    attributes: parseAttributes(payload, GENL_HEADER_BYTES),
  };
}

/** Asks for one family by name; the kernel loads the family's module first where it can. */
export function writeGetFamily(writer: MessageWriter, name: string): void {
  if (Buffer.byteLength(name) >= GENL_NAME_BYTES) {
    throw new RangeError(`the family name "${name}" has more than ${GENL_NAME_BYTES - 1} bytes`);
  }
  beginGeneric(writer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0).attrString(CTRL_ATTR_FAMILY_NAME, name).end();
}

/** Writes the controller's answer: what the kernel sends, for tests and simulated kernels. */
export function writeNewFamily(writer: MessageWriter, family: GenericFamily): void {
  beginGeneric(writer, GENL_ID_CTRL, CTRL_CMD_NEWFAMILY, 2, 0)
    .attrString(CTRL_ATTR_FAMILY_NAME, family.name)
    .attrU16(CTRL_ATTR_FAMILY_ID, family.id)
    .attrU32(CTRL_ATTR_VERSION, family.version)
    .attrU32(CTRL_ATTR_HDRSIZE, family.headerBytes)
    .attrU32(CTRL_ATTR_MAXATTR, family.maxAttribute);
  if (family.operations.length > 0) {
    const operations = writer.nestBegin(CTRL_ATTR_OPS);
    family.operations.forEach(({ command, flags }, index) => {
      const operation = writer.nestBegin(index + 1);
      writer.attrU32(CTRL_ATTR_OP_ID, command).attrU32(CTRL_ATTR_OP_FLAGS, flags).nestEnd(operation);
    });
    writer.nestEnd(operations);
  }
  if (family.multicastGroups.length > 0) {
    const groups = writer.nestBegin(CTRL_ATTR_MCAST_GROUPS);
    family.multicastGroups.forEach(({ name, id }, index) => {
      const group = writer.nestBegin(index + 1);
      writer.attrU32(CTRL_ATTR_MCAST_GRP_ID, id).attrString(CTRL_ATTR_MCAST_GRP_NAME, name).nestEnd(group);
    });
    writer.nestEnd(groups);
  }
  writer.end();
}

/** @throws NetlinkFormatError when it is not the controller's description of a family */
export function parseFamily(payload: Buffer): GenericFamily {
  const { command, attributes } = parseGeneric(payload);
  if (command !== CTRL_CMD_NEWFAMILY) throw new NetlinkFormatError(`controller command ${command} where 1 is due`);
  const id = attributes.get(CTRL_ATTR_FAMILY_ID);
  const name = attributes.get(CTRL_ATTR_FAMILY_NAME);
  if (!id || !name) throw new NetlinkFormatError("a generic netlink family without id or name");
  return {
    id: readU16(id),
    name: readString(name),
    version: optionalU32(attributes, CTRL_ATTR_VERSION),
    headerBytes: optionalU32(attributes, CTRL_ATTR_HDRSIZE),
    maxAttribute: optionalU32(attributes, CTRL_ATTR_MAXATTR),
    operations: list(attributes.get(CTRL_ATTR_OPS), (entry) => ({
      command: optionalU32(entry, CTRL_ATTR_OP_ID),
      flags: optionalU32(entry, CTRL_ATTR_OP_FLAGS),
    })),
    multicastGroups: list(attributes.get(CTRL_ATTR_MCAST_GROUPS), (entry) => ({
      name: readString(entry.get(CTRL_ATTR_MCAST_GRP_NAME) ?? Buffer.alloc(0)),
      id: optionalU32(entry, CTRL_ATTR_MCAST_GRP_ID),
    })),
  };
}

function optionalU32(attributes: Attributes, type: number): number {
  const payload = attributes.get(type);
  return payload ? readU32(payload) : 0;
}

function list<T>(payload: Buffer | undefined, read: (entry: Attributes) => T): T[] {
  const entries: T[] = [];
  if (payload) forEachAttribute(payload, 0, (_, entry) => entries.push(read(parseAttributes(entry))));
  return entries;
}
