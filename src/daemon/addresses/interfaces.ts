/** The host's interfaces, as far as the choice of an address depends on them. */

import { RouteSocket } from "../../../native-bindings/index.js";
import { AF_INET, AF_INET6 } from "../../../native-bindings/libc.js";

export interface HostInterface {
  readonly name: string;
  /** As the kernel names kinds of links; "" for a device, "loopback" for `lo`. */
  readonly kind: string;
  readonly isUp: boolean;
  readonly mtu: number;
  /** IPv4 first, each family in the kernel's order; link-local ones too. */
  readonly addresses: readonly string[];
}

/** Of the network namespace that the thread is in. */
export function hostInterfaces(): readonly HostInterface[] {
  using socket = RouteSocket.open();
  const addresses = [AF_INET, AF_INET6].flatMap((family) => socket.addresses({ family }));
  return socket.links().map((link) => ({
    name: link.name,
    kind: link.kind,
    isUp: link.up,
    mtu: link.mtu,
    addresses: addresses.filter(({ linkIndex }) => linkIndex === link.index).map(({ address }) => address),
  }));
}
