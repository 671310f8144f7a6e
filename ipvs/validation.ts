/** Checks wanted services before anything is written. */
import { isIPv4 } from "node:net";
import { WantedServiceError } from "./errors.js";
import { MARK_MAX, MARK_MIN, type VirtualService } from "./load-balancer.js";
import { portKey } from "./published-port.js";
import { type ServiceChanges, sameWays } from "./service-changes.js";

/** The nf_tables driver numbers a service's slots with 14 bits. */
export const DESTINATIONS_MAX = 16384;

/**
 * Checks what is new. Whether services get into each other's way is asked only when one of them came or changed what it claims,
 * so that a changed destination costs nothing here.
 * @throws WantedServiceError
 */
export function validateChanges({ added, changed }: ServiceChanges, wanted: readonly VirtualService[]): void {
  for (const service of added) validateService(service);
  for (const { after } of changed) validateService(after);
  const claimsAnew = changed.some(({ before, after }) => before.mark !== after.mark || !sameWays(before, after));
  if (added.length > 0 || claimsAnew) validateTogether(wanted);
}

/** @throws WantedServiceError for the first problem of one service alone */
export function validateService(service: VirtualService): void {
  const { id, mark, virtual, destinations, published } = service;
  if (!Number.isInteger(mark) || mark < MARK_MIN || mark > MARK_MAX) {
    throw new WantedServiceError("mark-out-of-range", { id, mark });
  }
  if (virtual) {
    for (const field of ["address", "sourceAddress"] as const) {
      const address = virtual[field];
      if (!isIPv4(address)) throw new WantedServiceError("bad-address", { id, field, address });
    }
  }
  for (const { protocol, port } of published) {
    if (!Number.isInteger(port) || port < 1 || port > 65535) {
      throw new WantedServiceError("bad-port", { id, port: `${protocol}/${port}` });
    }
  }
  validateDestinations(service, destinations);
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
const goodDestinations = new WeakSet<object>();

function validateDestinations({ id }: VirtualService, destinations: VirtualService["destinations"]): void {
  if (goodDestinations.has(destinations)) return;
  if (destinations.length > DESTINATIONS_MAX) {
    throw new WantedServiceError("too-many-destinations", { id, count: destinations.length, limit: DESTINATIONS_MAX });
  }
  const seen = new Set<string>();
  for (const { address, weight } of destinations) {
    if (!isIPv4(address)) throw new WantedServiceError("bad-address", { id, field: "destination", address });
    if (!Number.isInteger(weight) || weight < 0 || weight > 65535) {
      throw new WantedServiceError("bad-weight", { id, address, weight });
    }
    if (seen.has(address)) throw new WantedServiceError("duplicate-destination", { id, address });
    seen.add(address);
  }
  goodDestinations.add(destinations);
}

/** @returns who has it already, or undefined when it is now `id`'s */
function claim<K>(owners: Map<K, string>, key: K, id: string): string | undefined {
  const owner = owners.get(key);
  if (owner === undefined) owners.set(key, id);
  return owner;
}
