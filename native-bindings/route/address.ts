/**
 * Addresses of links: include/uapi/linux/if_addr.h.
 *
 * struct ifaddrmsg, 8 bytes: `family u8 | prefix length u8 | flags u8 | scope u8 | link index u32`.
 */
import { AF_INET, AF_INET6 } from "../libc.js";
import { type FieldTable, ip, readFields, text, u32, writeFields } from "../netlink/attribute-fields.js";
import { need, parseAttributes } from "../netlink/message-reader.js";
import type { MessageWriter } from "../netlink/message-writer.js";
import * as rt from "./constants.js";
import { CREATE_FLAGS, type CreateMode, type RouteOperation } from "./operation.js";

export interface Address {
  readonly linkIndex: number;
  /** The link's own address: "10.0.1.4". */
  readonly address: string;
  readonly prefixLength: number;
  /** The other end of a point-to-point link; {@link address} when absent. */
  readonly peer?: string;
  readonly broadcast?: string;
  /** RT_SCOPE_*; 0 (universe) when absent. */
  readonly scope?: number;
  /** IFA_F_*. */
  readonly flags?: number;
  readonly label?: string;
}

interface AddressFields {
  local?: string;
  address?: string;
  label?: string;
  broadcast?: string;
  flags?: number;
}

const FIELDS: FieldTable<AddressFields> = {
  local: [rt.IFA_LOCAL, ip],
  address: [rt.IFA_ADDRESS, ip],
  label: [rt.IFA_LABEL, text],
  broadcast: [rt.IFA_BROADCAST, ip],
  flags: [rt.IFA_FLAGS, u32],
};

/** Writes the payload of RTM_NEWADDR or RTM_DELADDR. @throws RangeError for an address that is none */
export function writeAddress(writer: MessageWriter, value: Address): void {
  const flags = value.flags ?? 0;
  writer
    .u8(familyOf(value.address))
    .u8(value.prefixLength)
    .u8(flags & 0xff)
    .u8(value.scope ?? 0)
    .u32(value.linkIndex);
  writeFields(writer, FIELDS, {
    local: value.address,
    address: value.peer ?? value.address,
    label: value.label,
    broadcast: value.broadcast,
    ...(flags > 0xff ? { flags } : {}),
  });
}

/** Reads the payload of RTM_NEWADDR or RTM_DELADDR. IPv6 tells the own address only in IFA_ADDRESS. @throws NetlinkFormatError */
export function parseAddress(payload: Buffer): Address {
  need(payload, rt.IFADDRMSG_BYTES);
  const { local, address, label, broadcast, flags } = readFields(parseAttributes(payload, rt.IFADDRMSG_BYTES), FIELDS);
  const own = local ?? address ?? "";
  return {
    linkIndex: payload.readUInt32LE(4),
    address: own,
    prefixLength: payload.readUInt8(1),
    ...(address !== undefined && address !== own ? { peer: address } : {}),
    ...(broadcast === undefined ? {} : { broadcast }),
    scope: payload.readUInt8(3),
    flags: flags ?? payload.readUInt8(2),
    ...(label === undefined ? {} : { label }),
  };
}

/** Which addresses a dump tells; the kernel filters. */
export interface AddressFilter {
  /** AF_INET (default) or AF_INET6. */
  readonly family?: number;
  readonly linkIndex?: number;
}

export function writeAddressDump(writer: MessageWriter, filter: AddressFilter = {}): void {
  writer
    .u8(filter.family ?? AF_INET)
    .zeroes(3)
    .u32(filter.linkIndex ?? 0);
}

export function addAddress(address: Address, mode: CreateMode = "add"): RouteOperation {
  return {
    describe: () => `${mode} address ${describeAddress(address)}`,
    write(writer) {
      writer.begin(rt.RTM_NEWADDR, CREATE_FLAGS[mode]);
      writeAddress(writer, address);
      writer.end();
    },
  };
}

/** A replaced address keeps its place; its scope, label and broadcast stay as they were. */
export function replaceAddress(address: Address): RouteOperation {
  return addAddress(address, "replace");
}

/** EADDRNOTAVAIL when it is not there. */
export function deleteAddress(address: Address): RouteOperation {
  return {
    describe: () => `delete address ${describeAddress(address)}`,
    write(writer) {
      writer.begin(rt.RTM_DELADDR, 0);
      writeAddress(writer, address);
      writer.end();
    },
  };
}

/** AF_INET or AF_INET6. */
export function familyOf(address: string): number {
  return address.includes(":") ? AF_INET6 : AF_INET;
}

function describeAddress({ address, prefixLength, linkIndex }: Address): string {
  return `${address}/${prefixLength} of link ${linkIndex}`;
}
