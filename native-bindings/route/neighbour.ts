/**
 * Neighbours (IP address → MAC): include/uapi/linux/neighbour.h.
 *
 * struct ndmsg, 12 bytes: `family u8 | pad u8 | pad u16 | link index i32 | state u16 | flags u8 | type u8`.
 */
import { bytesToMac } from "../address-text.js";
import { AF_INET } from "../libc.js";
import { readIp } from "../netlink/attribute-fields.js";
import { forEachAttribute, need } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import { familyOf } from "./address.js";
import * as rt from "./constants.js";
import { writeIpAttribute, writeMacAttribute, writeNeighbourHeader } from "./neighbour-message.js";
import { CREATE_FLAGS, type CreateMode, type RouteOperation } from "./operation.js";

export interface Neighbour {
  readonly linkIndex: number;
  readonly address: string;
  /** Absent while it is not resolved. */
  readonly mac?: string;
  /** NUD_* bits; NUD_PERMANENT when absent. */
  readonly state?: number;
  /** NTF_* bits. */
  readonly flags?: number;
}

/** Writes the payload of RTM_NEWNEIGH or RTM_DELNEIGH. @throws RangeError for an address that is none */
export function writeNeighbour(writer: MessageWriter, neighbour: Neighbour): void {
  const { linkIndex, address, mac, state, flags } = neighbour;
  writeNeighbourHeader(writer, familyOf(address), linkIndex, state ?? rt.NUD_PERMANENT, flags ?? 0);
  writeIpAttribute(writer, rt.NDA_DST, address);
  if (mac !== undefined) writeMacAttribute(writer, rt.NDA_LLADDR, mac);
}

/** Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH of another family than AF_BRIDGE. @throws NetlinkFormatError */
export function parseNeighbour(payload: Buffer): Neighbour {
  need(payload, rt.NDMSG_BYTES);
  let address = "";
  let mac: string | undefined;
  forEachAttribute(payload, rt.NDMSG_BYTES, (type, value) => {
    if (type === rt.NDA_DST) address = readIp(value);
    else if (type === rt.NDA_LLADDR) mac = bytesToMac(value);
  });
  return {
    linkIndex: payload.readInt32LE(4),
    address,
    ...(mac === undefined ? {} : { mac }),
    state: payload.readUInt16LE(8),
    flags: payload.readUInt8(10),
  };
}

/** Which neighbours a dump tells; the kernel filters. */
export interface NeighbourFilter {
  /** AF_INET (default) or AF_INET6. */
  readonly family?: number;
  readonly linkIndex?: number;
}

export function writeNeighbourDump(writer: MessageWriter, filter: NeighbourFilter = {}): void {
  writeNeighbourHeader(writer, filter.family ?? AF_INET, 0, 0, 0);
  if (filter.linkIndex !== undefined) writer.attrU32(rt.NDA_IFINDEX, filter.linkIndex);
}

export function addNeighbour(neighbour: Neighbour, mode: CreateMode = "add"): RouteOperation {
  return {
    describe: () => `${mode} neighbour ${describeNeighbour(neighbour)}`,
    write(writer) {
      writer.begin(rt.RTM_NEWNEIGH, CREATE_FLAGS[mode]);
      writeNeighbour(writer, neighbour);
      writer.end();
    },
  };
}

export function replaceNeighbour(neighbour: Neighbour): RouteOperation {
  return addNeighbour(neighbour, "replace");
}

/** ENOENT when it is not there. */
export function deleteNeighbour(neighbour: Neighbour): RouteOperation {
  return {
    describe: () => `delete neighbour ${describeNeighbour(neighbour)}`,
    write(writer) {
      writer.begin(rt.RTM_DELNEIGH, 0);
      writeNeighbour(writer, neighbour);
      writer.end();
    },
  };
}

function describeNeighbour({ address, mac, linkIndex }: Neighbour): string {
  return `${address}${mac === undefined ? "" : ` at ${mac}`} on link ${linkIndex}`;
}
