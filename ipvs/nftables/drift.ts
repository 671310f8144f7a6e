/** Wanted services against what the table has: one line for each part, for people and for healing. Pure. */

import { extraWays, markPart, type Part, routePart } from "../drift-parts.js";
import { FAMILIES, type Family, familyOfAddress, ofFamily } from "../family.js";
import type { DestinationDrift, VirtualService } from "../load-balancer.js";
import { slotsOf } from "../slots.js";
import type { VirtualRoutes } from "../virtual-routes.js";
import { NO_WAYS } from "../ways.js";
import type { KernelTables } from "./family-tables.js";
import type { KernelTable } from "./kernel-table.js";
import type { TableState } from "./table-state.js";

/** What a look at the kernel found. */
export interface Observation {
  readonly tables: KernelTables;
  readonly routes: VirtualRoutes;
  /** @returns connections that the kernel tracks from one service to one destination */
  readonly connections: (service: VirtualService, destination: string) => number;
}

export function tableDrift(wanted: readonly VirtualService[], found: Observation): DestinationDrift[] {
  return FAMILIES.flatMap((family) =>
    familyDrift(ofFamily(wanted, family), {
      family,
      table: found.tables[family],
      connections: found.connections,
      routes: new Map([...found.routes].filter(([address]) => familyOfAddress(address) === family)),
    }),
  );
}

interface FamilyObservation extends Pick<Observation, "routes" | "connections"> {
  readonly family: Family;
  readonly table: KernelTable;
}

function familyDrift(wanted: readonly VirtualService[], found: FamilyObservation): DestinationDrift[] {
  const { family, routes } = found;
  const { state: table, intact, exists } = found.table;
  const drifts: DestinationDrift[] = [];
  for (const service of wanted) {
    const add = (part: Part) => drifts.push({ serviceId: service.id, mark: service.mark, ...part });
    const slots = slotsOf(service);
    if (service.virtual) add(routePart(service.virtual, routes));
    add(markPart(service, table));
    add(servicePart(service, slots.length, table));
    for (const part of destinationParts(service, slots, found)) add(part);
  }
  const marks = new Set(wanted.map(({ mark }) => mark));
  for (const [mark, { id }] of table.services) {
    if (!marks.has(mark)) {
      drifts.push({ serviceId: id, mark, part: "service", state: "extra", found: `chain of ${mark}` });
    }
  }
  drifts.push(...extraWays(wanted, table, routes));
  if (family === "ip6" && exists && wanted.length === 0) {
    drifts.push({ serviceId: "", mark: 0, part: "service", state: "extra", found: "table ip6 tswarm-lb" });
  }
  if (!intact && wanted.length > 0) {
    const text = "the table's own sets, chains and rules";
    drifts.push({
      serviceId: "",
      mark: 0,
      part: "service",
      state: "different",
      wanted: `${text} as they were written`,
    });
  }
  return drifts;
}

/** The same report when the table is known to be exactly as wanted: only routes and connections are looked at. */
export function untouchedDrift(
  wanted: readonly VirtualService[],
  { routes, connections }: Omit<Observation, "tables">,
): DestinationDrift[] {
  const drifts: DestinationDrift[] = [];
  let virtualAddresses = 0;
  for (const service of wanted) {
    const { id: serviceId, mark, virtual, destinations } = service;
    if (virtual) {
      virtualAddresses++;
      drifts.push({ serviceId, mark, ...routePart(virtual, routes) });
    }
    drifts.push({ serviceId, mark, part: "mark", state: "present" });
    drifts.push({ serviceId, mark, part: "service", state: "present" });
    for (const { address, weight } of destinations) {
      const count = connections(service, address);
      drifts.push({ serviceId, mark, part: address, state: "present", weight, connections: count });
    }
  }
  if (routes.size > virtualAddresses) drifts.push(...extraWays(wanted, NO_WAYS, routes));
  return drifts;
}

function servicePart({ mark }: VirtualService, slots: number, table: TableState): Part {
  const found = table.services.get(mark);
  const wanted = slots > 0 ? `round robin over ${slots}` : "no chain";
  if (slots === 0) {
    if (!found) return { part: "service", state: "present" };
    return { part: "service", state: "different", wanted, found: `round robin over ${found.modulus}` };
  }
  if (!found?.chain) return { part: "service", state: "missing", wanted };
  if (found.modulus === slots) return { part: "service", state: "present" };
  const text = found.modulus > 0 ? `round robin over ${found.modulus}` : "another rule";
  return { part: "service", state: "different", wanted, found: text };
}

function destinationParts(service: VirtualService, slots: readonly string[], found: FamilyObservation): Part[] {
  const actual = found.table.state.services.get(service.mark)?.slots ?? [];
  const due = countByAddress(slots);
  const there = countByAddress(actual);
  const parts = service.destinations.map(({ address, weight }): Part => {
    const connections = found.connections(service, address);
    const [wanted, has] = [due.get(address) ?? 0, there.get(address) ?? 0];
    if (wanted === has) return { part: address, state: "present", weight, connections };
    const state = has === 0 ? "missing" : "different";
    const text = `${wanted} of ${slots.length} slots`;
    return { part: address, state, wanted: text, found: `${has} slots`, weight, connections };
  });
  for (const { address } of service.destinations) there.delete(address);
  for (const [address, count] of there) parts.push({ part: address, state: "extra", found: `${count} slots` });
  return parts;
}

function countByAddress(slots: readonly (string | undefined)[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const address of slots) if (address !== undefined) counts.set(address, (counts.get(address) ?? 0) + 1);
  return counts;
}
