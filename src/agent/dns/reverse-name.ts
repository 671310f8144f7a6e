/** Names below in-addr.arpa (RFC 1035 §3.5): "4.1.0.10.in-addr.arpa" is 10.0.1.4, "1.0.10.in-addr.arpa" all of 10.0.1.0/24. */

const SUFFIX = ".in-addr.arpa";

export interface AddressRange {
  /** The lowest address as a number. */
  readonly address: number;
  readonly prefixLength: number;
}

export function readReverseName(key: string): AddressRange | undefined {
  if (!key.endsWith(SUFFIX)) return undefined;
  const parts = key.slice(0, -SUFFIX.length).split(".");
  if (parts.length > 4) return undefined;
  let address = 0;
  for (const part of parts.reverse()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return { address: address * 256 ** (4 - parts.length), prefixLength: parts.length * 8 };
}

/** Whether a subnet ("10.0.1.0/24") holds the whole range. */
export function subnetHolds(subnet: AddressRange, range: AddressRange): boolean {
  if (range.prefixLength < subnet.prefixLength) return false;
  const size = 2 ** (32 - subnet.prefixLength);
  return Math.floor(range.address / size) === Math.floor(subnet.address / size);
}
