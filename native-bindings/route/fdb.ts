/**
 * Forwarding entries of bridges and VXLAN devices: neighbour messages of family AF_BRIDGE, include/uapi/linux/neighbour.h.
 *
 * A VXLAN device's own entry (NTF_SELF) leads a MAC to a tunnel address; a bridge's entry (NTF_MASTER) leads it to a port.
 */
import { bytesToMac } from "../address-text.js";
import { AF_BRIDGE } from "../libc.js";
import { readIp } from "../netlink/attribute-fields.js";
import { forEachAttribute, need, readU16, readU16be, readU32 } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import * as rt from "./constants.js";
import { writeIpAttribute, writeMacAttribute, writeNeighbourHeader } from "./neighbour-message.js";
import { CREATE_FLAGS, type CreateMode, type RouteOperation } from "./operation.js";

export interface FdbEntry {
  readonly linkIndex: number;
  readonly mac: string;
  /** NUD_* bits: NUD_PERMANENT | NUD_NOARP when absent. In a bridge: permanent is the port's own address, NOARP a static entry. */
  readonly state?: number;
  /** NTF_* bits; NTF_SELF when absent. */
  readonly flags?: number;
  /** Tunnel address: where the packets for this MAC go. */
  readonly tunnelAddress?: string;
  /** UDP port of the tunnel, where it is not the device's. */
  readonly tunnelPort?: number;
  /** VNI of the tunnel, where it is not the device's. */
  readonly vni?: number;
  /** Index of the link that the outer packet leaves by. */
  readonly tunnelLinkIndex?: number;
  readonly vlan?: number;
  readonly sourceVni?: number;
  /** Index of the bridge, in the entries that the kernel tells. */
  readonly master?: number;
}

/** Writes the payload of RTM_NEWNEIGH or RTM_DELNEIGH. @throws RangeError for an address that is none */
export function writeFdbEntry(writer: MessageWriter, entry: FdbEntry): void {
  const state = entry.state ?? rt.NUD_PERMANENT | rt.NUD_NOARP;
  writeNeighbourHeader(writer, AF_BRIDGE, entry.linkIndex, state, entry.flags ?? rt.NTF_SELF);
  writeMacAttribute(writer, rt.NDA_LLADDR, entry.mac);
  if (entry.tunnelAddress !== undefined) writeIpAttribute(writer, rt.NDA_DST, entry.tunnelAddress);
  if (entry.vlan !== undefined) writer.attrU16(rt.NDA_VLAN, entry.vlan);
  if (entry.tunnelPort !== undefined) writer.attrU16be(rt.NDA_PORT, entry.tunnelPort);
  if (entry.vni !== undefined) writer.attrU32(rt.NDA_VNI, entry.vni);
  if (entry.sourceVni !== undefined) writer.attrU32(rt.NDA_SRC_VNI, entry.sourceVni);
  if (entry.tunnelLinkIndex !== undefined) writer.attrU32(rt.NDA_IFINDEX, entry.tunnelLinkIndex);
  if (entry.master !== undefined) writer.attrU32(rt.NDA_MASTER, entry.master);
}

/** Reads the payload of RTM_NEWNEIGH or RTM_DELNEIGH of family AF_BRIDGE. @throws NetlinkFormatError */
export function parseFdbEntry(payload: Buffer): FdbEntry {
  need(payload, rt.NDMSG_BYTES);
  const entry: { -readonly [K in keyof FdbEntry]: FdbEntry[K] } = {
    linkIndex: payload.readInt32LE(4),
    mac: "",
    state: payload.readUInt16LE(8),
    flags: payload.readUInt8(10),
  };
  forEachAttribute(payload, rt.NDMSG_BYTES, (type, value) => {
    switch (type) {
      case rt.NDA_LLADDR:
        entry.mac = bytesToMac(value);
        return;
      case rt.NDA_DST:
        entry.tunnelAddress = readIp(value);
        return;
      case rt.NDA_VLAN:
        entry.vlan = readU16(value);
        return;
      case rt.NDA_PORT:
        entry.tunnelPort = readU16be(value);
        return;
      case rt.NDA_VNI:
        entry.vni = readU32(value);
        return;
      case rt.NDA_SRC_VNI:
        entry.sourceVni = readU32(value);
        return;
      case rt.NDA_IFINDEX:
        entry.tunnelLinkIndex = readU32(value);
        return;
      case rt.NDA_MASTER:
        entry.master = readU32(value);
    }
  });
  return entry;
}

/** Which entries a dump tells; the kernel filters. */
export interface FdbFilter {
  /** A device: its own entries, and those of its bridge that lead to it. */
  readonly linkIndex?: number;
  /** Index of a bridge: entries of it and of all its ports. */
  readonly master?: number;
}

export function writeFdbDump(writer: MessageWriter, filter: FdbFilter = {}): void {
  writeNeighbourHeader(writer, AF_BRIDGE, filter.linkIndex ?? 0, 0, 0);
  if (filter.master !== undefined) writer.attrU32(rt.NDA_MASTER, filter.master);
}

/** `append` adds one more tunnel address to a group MAC (broadcast, multicast, all zeroes); other MACs have one. */
export function addFdbEntry(entry: FdbEntry, mode: CreateMode = "add"): RouteOperation {
  return {
    describe: () => `${mode} FDB entry ${describeFdbEntry(entry)}`,
    write(writer) {
      writer.begin(rt.RTM_NEWNEIGH, CREATE_FLAGS[mode]);
      writeFdbEntry(writer, entry);
      writer.end();
    },
  };
}

/** Leads the MAC to this tunnel address, whatever it was led to, and by whom (learned entries included). */
export function replaceFdbEntry(entry: FdbEntry): RouteOperation {
  return addFdbEntry(entry, "replace");
}

/** ENOENT when it is not there. Without a tunnel address a VXLAN device removes the MAC with all of them. */
export function deleteFdbEntry(entry: FdbEntry): RouteOperation {
  return {
    describe: () => `delete FDB entry ${describeFdbEntry(entry)}`,
    write(writer) {
      writer.begin(rt.RTM_DELNEIGH, 0);
      writeFdbEntry(writer, entry);
      writer.end();
    },
  };
}

function describeFdbEntry({ mac, tunnelAddress, linkIndex }: FdbEntry): string {
  return `${mac}${tunnelAddress === undefined ? "" : ` to ${tunnelAddress}`} on link ${linkIndex}`;
}
