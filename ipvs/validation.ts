/** Checks wanted services before anything is written. */
import { isIPv4, isIPv6 } from "node:net";
import { bytesToIp, ipToBytes } from "../native-bindings/address-text.js";
import { WantedServiceError } from "./errors.js";
import { type Family, familyOfAddress, familyOfService } from "./family.js";
import { type LoadBalancer, MARK_MAX, MARK_MIN, type VirtualService } from "./load-balancer.js";
import { portKey } from "./published-port.js";
import { type ServiceChanges, sameWays } from "./service-changes.js";

/** The nf_tables driver numbers a service's slots with 14 bits. */
export const DESTINATIONS_MAX = 16384;

/**
 * Checks what is new. Whether services get into each other's way is asked only when one of them came or changed what it claims,
 * so that a changed destination costs nothing here.
 * @param driver that is to carry them
 * @throws WantedServiceError
 */
export function validateChanges(
  { added, changed }: ServiceChanges,
  wanted: readonly VirtualService[],
  driver: Pick<LoadBalancer, "balancesIpv6">,
): void {
  for (const service of added) validateService(service, driver);
  for (const { after } of changed) validateService(after, driver);
  const claimsAnew = changed.some(({ before, after }) => before.mark !== after.mark || !sameWays(before, after));
  if (added.length > 0 || claimsAnew) validateTogether(wanted);
}

/** @throws WantedServiceError for the first problem of one service alone */
export function validateService(service: VirtualService, driver: Pick<LoadBalancer, "balancesIpv6">): void {
  const { id, mark, virtual, published } = service;
  const family = familyOfService(service);
  if (!Number.isInteger(mark) || mark < MARK_MIN || mark > MARK_MAX) {
    throw new WantedServiceError("mark-out-of-range", { id, mark });
  }
  if (virtual) {
    const { address } = virtual;
    for (const field of ["address", "sourceAddress"] as const) validateAddress(id, field, virtual[field], family);
    if (family === "ip6" && !driver.balancesIpv6) throw new WantedServiceError("no-ipv6", { id, address });
    if (family === "ip6" && published.length > 0) throw new WantedServiceError("published-ipv6", { id, address });
  }
  for (const { protocol, port } of published) {
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw new WantedServiceError("bad-port", { id, port: `${protocol}/${port}` });
    }
  }
  validateDestinations(service, family);
}

/** @throws WantedServiceError when two services claim the same id, mark, virtual address or published port */
export function validateTogether(services: readonly VirtualService[]): void {
  const ids = new Set<string>();
  const marks = new Map<number, string>();
  const addresses = new Map<string, string>();
  const ports = new Map<string, string>();
  for (const { id, mark, virtual, published } of services) {
    if (ids.has(id)) throw new WantedServiceError("duplicate-id", { id });
    ids.add(id);
    const sameMark = claim(marks, mark, id);
    if (sameMark) throw new WantedServiceError("duplicate-mark", { mark, ids: [sameMark, id] });
    const address = virtual?.address;
    const sameAddress = address && claim(addresses, address, id);
    if (sameAddress) throw new WantedServiceError("duplicate-virtual-address", { address, ids: [sameAddress, id] });
    for (const entry of published) {
      const port = portKey(entry);
      const samePort = claim(ports, port, id);
      if (samePort) throw new WantedServiceError("duplicate-published-port", { port, ids: [samePort, id] });
    }
  }
}

/** Lists that were found good: services share them, and so does every namespace. */
const goodDestinations = new WeakMap<object, Family>();

function validateDestinations({ id, destinations }: VirtualService, family: Family): void {
  if (goodDestinations.get(destinations) === family) return;
  if (destinations.length > DESTINATIONS_MAX) {
    throw new WantedServiceError("too-many-destinations", { id, count: destinations.length, limit: DESTINATIONS_MAX });
  }
  const seen = new Set<string>();
  for (const { address, weight } of destinations) {
    validateAddress(id, "destination", address, family);
    if (!Number.isInteger(weight) || weight < 0 || weight > 65535) {
      throw new WantedServiceError("bad-weight", { id, address, weight });
    }
    if (seen.has(address)) throw new WantedServiceError("duplicate-destination", { id, address });
    seen.add(address);
  }
  goodDestinations.set(destinations, family);
}

/** One text for each address, since what the kernel has is compared with it. */
function validateAddress(id: string, field: string, address: string, family: Family): void {
  if (!isIPv4(address) && !isPlainIpv6(address)) throw new WantedServiceError("bad-address", { id, field, address });
  if (familyOfAddress(address) !== family) throw new WantedServiceError("other-family", { id, field, address });
}

/** As RFC 5952 writes it, without a zone; an IPv4 address in the guise of IPv6 is nobody's. */
function isPlainIpv6(address: string): boolean {
  return isIPv6(address) && !/[%.]/.test(address) && bytesToIp(ipToBytes(address)) === address;
}

/** @returns who has it already, or undefined when it is now `id`'s */
function claim<K>(owners: Map<K, string>, key: K, id: string): string | undefined {
  const owner = owners.get(key);
  if (owner === undefined) owners.set(key, id);
  return owner;
}
