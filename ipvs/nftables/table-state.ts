/** What the table says, as plain data: wanted (from services) or actual (from the kernel), in one form so that they compare. */
import type { VirtualService } from "../load-balancer.js";
import { portKey } from "../published-port.js";
import { slotsOf } from "./slots.js";

export interface ServiceState {
  /** The service's id, for the rule's comment. */
  readonly id: string;
  /** The chain is there. */
  readonly chain: boolean;
  /** Over how many slots its rule counts; 0: it has no rule, or another one than ours. */
  readonly modulus: number;
  /** Backend by slot; holes only in a damaged table. */
  readonly slots: readonly (string | undefined)[];
}

export interface TableState {
  /** By mark; only services with a backend to call. */
  readonly services: ReadonlyMap<number, ServiceState>;
  /** Virtual address → mark of the service that answers. */
  readonly virtualServices: ReadonlyMap<string, number>;
  /** Published port (`tcp/80`) → mark. */
  readonly publishedServices: ReadonlyMap<string, number>;
  readonly virtualAddresses: ReadonlySet<string>;
  readonly refusedPorts: ReadonlySet<string>;
}

export function wantedTable(services: readonly VirtualService[]): TableState {
  const states = new Map<number, ServiceState>();
  const virtualServices = new Map<string, number>();
  const publishedServices = new Map<string, number>();
  const virtualAddresses = new Set<string>();
  const refusedPorts = new Set<string>();
  for (const service of services) {
    const { id, mark, virtual, published } = service;
    const slots = slotsOf(service);
    const callable = slots.length > 0;
    if (callable) states.set(mark, { id, chain: true, modulus: slots.length, slots });
    if (virtual) {
      virtualAddresses.add(virtual.address);
      if (callable) virtualServices.set(virtual.address, mark);
    }
    for (const port of published) {
      if (callable) publishedServices.set(portKey(port), mark);
      else refusedPorts.add(portKey(port));
    }
  }
  return { services: states, virtualServices, publishedServices, virtualAddresses, refusedPorts };
}

export const EMPTY_TABLE: TableState = wantedTable([]);
