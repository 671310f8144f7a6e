/** Addresses as IPVS carries them: a field of 16 bytes, of which IPv4 takes the first four. */
import { bytesToIp, ipToBytes } from "../address-text.js";
import { NetlinkFormatError } from "../netlink/errors.js";
import type { IpvsFamily } from "./objects.js";

const FIELD_BYTES = 16;
const ADDRESS_BYTES: Readonly<Record<IpvsFamily, number>> = { ipv4: 4, ipv6: 16 };

/** @throws RangeError for what is no address of that family */
export function encodeAddress(family: IpvsFamily, address: string): Buffer {
  const bytes = ipToBytes(address);
  if (bytes.length !== ADDRESS_BYTES[family]) throw new RangeError(`"${address}" is no ${family} address`);
  const field = Buffer.alloc(FIELD_BYTES);
  field.set(bytes);
  return field;
}

/** @throws NetlinkFormatError when the field is too short */
export function decodeAddress(family: IpvsFamily, field: Buffer): string {
  const bytes = ADDRESS_BYTES[family];
  if (field.length < bytes) throw new NetlinkFormatError(`an ${family} address of ${field.length} bytes`);
  return bytesToIp(field.subarray(0, bytes));
}
