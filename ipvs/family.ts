/** The two families of addresses. A service has one of them. */
import type { VirtualService } from "./load-balancer.js";

export type Family = "ip" | "ip6";

export function familyOfAddress(address: string): Family {
  return address.includes(":") ? "ip6" : "ip";
}

export function familyOfService({ virtual }: VirtualService): Family {
  return virtual ? familyOfAddress(virtual.address) : "ip";
}
