/** The ways that lead to services, as plain data: wanted (from services) or actual (from the kernel's rules), in one form. */
import type { VirtualService } from "./load-balancer.js";
import { portKey } from "./published-port.js";

export interface Ways {
  /** Virtual address → mark of the service that answers. */
  readonly virtualServices: ReadonlyMap<string, number>;
  /** Published port (`tcp/80`) → mark. */
  readonly publishedServices: ReadonlyMap<string, number>;
  /** All virtual addresses: what reaches the namespace itself under one of them, untranslated, is refused. */
  readonly virtualAddresses: ReadonlySet<string>;
  /** Published ports with nobody to call. */
  readonly refusedPorts: ReadonlySet<string>;
}

/** Somebody takes new connections. */
export function isCallable(service: VirtualService): boolean {
  return service.destinations.some(({ weight }) => weight > 0);
}

export function wantedWays(services: readonly VirtualService[]): Ways {
  const virtualServices = new Map<string, number>();
  const publishedServices = new Map<string, number>();
  const virtualAddresses = new Set<string>();
  const refusedPorts = new Set<string>();
  for (const service of services) {
    const { mark, virtual, published } = service;
    const callable = isCallable(service);
    if (virtual) {
      virtualAddresses.add(virtual.address);
      if (callable) virtualServices.set(virtual.address, mark);
    }
    for (const port of published) {
      if (callable) publishedServices.set(portKey(port), mark);
      else refusedPorts.add(portKey(port));
    }
  }
  return { virtualServices, publishedServices, virtualAddresses, refusedPorts };
}

/** Of two families: nothing leads both ways. */
export function joinWays(one: Ways, other: Ways): Ways {
  return {
    virtualServices: new Map([...one.virtualServices, ...other.virtualServices]),
    publishedServices: new Map([...one.publishedServices, ...other.publishedServices]),
    virtualAddresses: new Set([...one.virtualAddresses, ...other.virtualAddresses]),
    refusedPorts: new Set([...one.refusedPorts, ...other.refusedPorts]),
  };
}

export const NO_WAYS: Ways = wantedWays([]);
