/**
 * The kernel takes an IPv6 address at once, and makes it its own a little later: the local route comes from a work queue that waits for the
 * lock of all network configuration, also without duplicate address detection (addrconf_dad_work of net/ipv6/addrconf.c). Until then
 * packets to the address are dropped.
 */
import { NetlinkError } from "../native-bindings/netlink/errors.js";
import type { Place } from "./kernel-objects.js";
import type { OpenPlaces } from "./open-places.js";

export interface FreshAddress {
  readonly place: Place;
  /** "fd00:1::4" */
  readonly address: string;
}

/** For all addresses together, and between two looks. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 1;

/** Returns when packets reach the addresses, or patience is at its end; blocks the thread. @throws NetlinkTransportError */
export function awaitUsable(fresh: readonly FreshAddress[], places: OpenPlaces): void {
  const giveUpAt = performance.now() + PATIENCE_MS;
  for (const { place, address } of fresh) {
    while (!isUsable(address, place, places)) {
      if (performance.now() > giveUpAt) return;
      Atomics.wait(PAUSE, 0, 0, PAUSE_MS);
    }
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

function isUsable(address: string, place: Place, places: OpenPlaces): boolean {
  try {
    return places.get(place).socket.routeTo({ destination: address }).type === "local";
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}
