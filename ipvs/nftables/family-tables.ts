/** The tables of both families: that of IPv4 always stands, that of IPv6 while there are services of it. Pure. */
import { FAMILIES, type Family, ofFamily, stands } from "../family.js";
import type { VirtualService } from "../load-balancer.js";
import { type ServiceChanges, sidesOf } from "../service-changes.js";
import type { KernelTable } from "./kernel-table.js";
import { planNewTable, planTable, type TableChange, type TableOperation } from "./table-plan.js";
import { wantedTable } from "./table-state.js";

/** Endpoints maps that are there. */
export type Shards = Readonly<Record<Family, ReadonlySet<number>>>;
export type KernelTables = Readonly<Record<Family, KernelTable>>;

/** From what the kernel is known to have. */
export function planChange(
  changes: ServiceChanges,
  known: { readonly services: readonly VirtualService[]; readonly shards: Shards },
  wanted: readonly VirtualService[],
): TableChange[] {
  const { before, after } = sidesOf(changes);
  return FAMILIES.map((family): TableChange => {
    const [old, now] = [ofFamily(before, family), ofFamily(after, family)];
    if (old.length + now.length === 0) return { family, operations: [] };
    const [had, has] = [stands(family, known.services), stands(family, wanted)];
    if (!has) return { family, operations: had ? [{ kind: "delete-table" }] : [] };
    if (!had) return { family, operations: planNewTable(wantedTable(now), false) };
    return { family, operations: planTable(wantedTable(old), wantedTable(now), known.shards[family]) };
  });
}

/** From what the kernel has. */
export function planLook(found: KernelTables, wanted: readonly VirtualService[]): TableChange[] {
  return FAMILIES.map((family): TableChange => {
    const { exists, intact, state, shards } = found[family];
    if (!stands(family, wanted)) return { family, operations: exists ? [{ kind: "delete-table" }] : [] };
    const services = wantedTable(ofFamily(wanted, family));
    return { family, operations: intact ? planTable(state, services, shards) : planNewTable(services, exists) };
  });
}

export function planClear(found: KernelTables): TableChange[] {
  return FAMILIES.map((family) => ({ family, operations: found[family].exists ? [{ kind: "delete-table" }] : [] }));
}

/** The endpoints maps that are there after the changes. */
export function shardsAfter(before: Shards, changes: readonly TableChange[]): Shards {
  const shards = { ...before };
  for (const { family, operations } of changes) shards[family] = familyShards(before[family], operations);
  return shards;
}

function familyShards(before: ReadonlySet<number>, operations: readonly TableOperation[]): ReadonlySet<number> {
  const anew = operations.some(({ kind }) => kind === "delete-table" || kind === "add-table");
  const added = operations.flatMap((operation) => (operation.kind === "add-shard" ? [operation.shard] : []));
  return anew || added.length > 0 ? new Set([...(anew ? [] : before), ...added]) : before;
}
