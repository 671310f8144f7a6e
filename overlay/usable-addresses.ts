/**
 * The kernel takes an IPv6 address at once, and makes it its own a little later: the local route comes from a work queue that waits for the
 * lock of all network configuration, also without duplicate address detection (addrconf_dad_work of net/ipv6/addrconf.c). Until then
 * packets to the address are dropped.
 */
import { NetlinkError } from "../native-bindings/netlink/errors.js";
import { splitPrefix } from "../native-bindings/route/index.js";
import type { OpenPlaces } from "./open-places.js";
import { pause } from "./pause.js";
import type { Step } from "./steps.js";

export type AddressStep = Extract<Step, { readonly kind: "replace-address" }>;

/** For all addresses together, and between two looks. */
const PATIENCE_MS = 1000;
const PAUSE_MS = 1;

/**
 * Blocks the thread until packets reach the addresses, a second at most.
 * @returns those that packets do not reach by then
 * @throws NetlinkTransportError
 */
export function awaitUsable(steps: readonly AddressStep[], places: OpenPlaces): readonly AddressStep[] {
  const giveUpAt = performance.now() + PATIENCE_MS;
  return steps.filter((step) => {
    while (!isUsable(step, places)) {
      if (performance.now() > giveUpAt) return true;
      pause(PAUSE_MS);
    }
    return false;
  });
}

function isUsable({ place, object }: AddressStep, places: OpenPlaces): boolean {
  const destination = splitPrefix(object.prefix).address;
  try {
    return places.get(place).socket.routeTo({ destination }).type === "local";
  } catch (error) {
    if (error instanceof NetlinkError) return false;
    throw error;
  }
}
