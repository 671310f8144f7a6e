/** What the table says, as plain data: wanted (from services) or actual (from the kernel), in one form so that they compare. */
import type { VirtualService } from "../load-balancer.js";
import { slotsOf } from "../slots.js";
import { type Ways, wantedWays } from "../ways.js";

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

export interface TableState extends Ways {
  /** By mark; only services with somebody to call. */
  readonly services: ReadonlyMap<number, ServiceState>;
}

export function wantedTable(services: readonly VirtualService[]): TableState {
  const states = new Map<number, ServiceState>();
  for (const service of services) {
    const slots = slotsOf(service);
    const { id, mark } = service;
    if (slots.length > 0) states.set(mark, { id, chain: true, modulus: slots.length, slots });
  }
  return { services: states, ...wantedWays(services) };
}

export const EMPTY_TABLE: TableState = wantedTable([]);
