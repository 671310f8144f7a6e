/** Bytes that VXLAN puts around an inner Ethernet frame's payload: inner Ethernet 14, VXLAN 8, UDP 8, outer IP 20 or 40. */
export const VXLAN_OVERHEAD_IPV4_BYTES = 50;
export const VXLAN_OVERHEAD_IPV6_BYTES = 70;
/** ESP in transport mode with AES-GCM and a 64-bit check value, without the padding. */
export const ESP_OVERHEAD_BYTES = 26;
/** ESP pads to multiples of this. */
const ESP_ALIGNMENT_BYTES = 4;
/** RFC 791: every IPv4 link carries at least this. */
const SMALLEST_MTU = 68;
const DEFAULT_UNDERLAY_MTU = 1500;

export interface UnderlayPath {
  /** MTU of the route to the other nodes, 1500 when it is not known. */
  readonly mtu?: number;
  readonly family: 4 | 6;
}

export interface MtuOptions {
  /** The network's driver option: the underlay's MTU as its owner says. It wins over what the route says; 0 means unset. */
  readonly driverMtu?: number;
  readonly encrypted?: boolean;
}

/**
 * The MTU of every link of an overlay network.
 * @throws RangeError when nothing useful is left
 */
export function overlayMtu(underlay: UnderlayPath, options: MtuOptions = {}): number {
  const outer = options.driverMtu || underlay.mtu || DEFAULT_UNDERLAY_MTU;
  let mtu = outer - (underlay.family === 6 ? VXLAN_OVERHEAD_IPV6_BYTES : VXLAN_OVERHEAD_IPV4_BYTES);
  if (options.encrypted) {
    mtu -= ESP_OVERHEAD_BYTES;
    mtu -= mtu % ESP_ALIGNMENT_BYTES;
  }
  if (!(mtu >= SMALLEST_MTU && mtu <= 65535)) {
    throw new RangeError(`an underlay MTU of ${outer} leaves ${mtu} bytes for the overlay: ${SMALLEST_MTU} to 65535`);
  }
  return mtu;
}
