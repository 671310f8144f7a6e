/** Addresses of both families, as the cluster's objects and rows have them: text, with or without a prefix length. */
import { bytesToIp, ipToBytes } from "../../../native-bindings/address-text.js";

/** "10.0.1.4/24" → "10.0.1.4" */
export function bareAddress(prefix: string): string {
  const slash = prefix.indexOf("/");
  return slash < 0 ? prefix : prefix.slice(0, slash);
}

/** An address of a subnet with the subnet's prefix length: "10.0.1.4", "10.0.1.0/24" → "10.0.1.4/24". One that has a length keeps it. */
export function withPrefixLength(address: string, subnet: string): string {
  return address.includes("/") ? address : `${address}${subnet.slice(subnet.indexOf("/"))}`;
}

/** "fd00:1:0::4/64" → "fd00:1::4/64": one text for each address, as RFC 5952 writes it. @throws RangeError for text that is no address */
export function canonicalPrefix(prefix: string): string {
  const address = bareAddress(prefix);
  return bytesToIp(ipToBytes(address)) + prefix.slice(address.length);
}
