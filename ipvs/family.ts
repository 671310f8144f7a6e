/** The two families of addresses. A service has one of them. */
import { AF_INET, AF_INET6 } from "../native-bindings/libc.js";
import { kernelHasIpv6 } from "../netns/packet-filter/kernel-families.js";
import type { VirtualService } from "./load-balancer.js";

export type Family = "ip" | "ip6";

export function familyOfAddress(address: string): Family {
  return address.includes(":") ? "ip6" : "ip";
}

export function familyOfService({ virtual }: VirtualService): Family {
  return virtual ? familyOfAddress(virtual.address) : "ip";
}

export const FAMILIES: readonly Family[] = ["ip", "ip6"];

/** AF_* of each. */
export const AF: Readonly<Record<Family, number>> = { ip: AF_INET, ip6: AF_INET6 };

/** Both, or IPv4 alone where the kernel knows no other. */
export function kernelFamilies(): readonly Family[] {
  return kernelHasIpv6() ? FAMILIES : ["ip"];
}

/** Those that the services have. */
export function familiesOf(services: readonly VirtualService[]): readonly Family[] {
  return FAMILIES.filter((family) => services.some((service) => familyOfService(service) === family));
}

export function hasIpv6(services: readonly VirtualService[]): boolean {
  return services.some((service) => familyOfService(service) === "ip6");
}

/** The services of one family; the list itself when it holds no other. */
export function ofFamily(services: readonly VirtualService[], family: Family): readonly VirtualService[] {
  return services.every((service) => familyOfService(service) === family)
    ? services
    : services.filter((service) => familyOfService(service) === family);
}

/** Whether what a driver keeps for a family is to be there: that of IPv4 always, that of IPv6 while there are services of it. */
export function stands(family: Family, services: readonly VirtualService[]): boolean {
  return family === "ip" || hasIpv6(services);
}
