/** What an object holds, as it stands in it: attachments, or virtual IPs. Nothing is copied: there are very many of them. */
import type { Endpoint_VirtualIP, NetworkAttachment } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { HeldAddress } from "./network-pools.js";

export type Holding = readonly (NetworkAttachment | Endpoint_VirtualIP)[];

export function eachAddress(holding: Holding, visit: (networkId: string, address: string) => void): void {
  for (const one of holding) {
    if ("addr" in one) visit(one.networkId, one.addr);
    else if (one.network) for (const address of one.addresses) visit(one.network.id, address);
  }
}

export function addressesOf(holding: Holding): readonly HeldAddress[] {
  const addresses: HeldAddress[] = [];
  eachAddress(holding, (networkId, address) => addresses.push({ networkId, address }));
  return addresses;
}

/** @param others of them, that the object is not to hold */
export function without(holding: Holding, others: readonly HeldAddress[]): Holding {
  const dropped = new Set(others.map(keyOf));
  const kept = addressesOf(holding).filter((address) => !dropped.has(keyOf(address)));
  return kept.map(({ networkId, address }) => ({ networkId, addr: address }));
}

/** Those that were held before and are not held now. */
export function lost(before: Holding, now: Holding): readonly HeldAddress[] {
  const kept = new Set(addressesOf(now).map(keyOf));
  return addressesOf(before).filter((address) => !kept.has(keyOf(address)));
}

/** In the same order too. */
export function sameAddresses(a: Holding, b: Holding): boolean {
  if (a === b) return true;
  const [some, others] = [addressesOf(a), addressesOf(b)];
  return some.length === others.length && some.every((one, i) => keyOf(one) === keyOf(others[i]!));
}

function keyOf({ networkId, address }: HeldAddress): string {
  return `${networkId}/${address}`;
}
