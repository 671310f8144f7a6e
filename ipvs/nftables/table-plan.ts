/** From one state of a table to another, as one transaction's operations. Pure. */
import type { Family } from "../family.js";
import { firstSlotOf, type PlainSet, shardOf } from "./layout.js";
import { EMPTY_TABLE, type ServiceState, type TableState } from "./table-state.js";

/** An element of one of the sets: a virtual address, a port (`tcp/80`) or a slot's key; what it leads to. */
export interface Element {
  readonly key: string | number;
  /** A backend's address, or the mark of the service whose chain is next. */
  readonly value?: string | number;
}

/** A set of the table: by name, or the endpoints map of that number. */
export type SetReference = PlainSet | number;

export type TableOperation =
  | { readonly kind: "delete-table" }
  /** The table with its plain sets and chains. */
  | { readonly kind: "add-table" }
  | { readonly kind: "add-shard"; readonly shard: number }
  | {
      readonly kind: "delete-elements" | "add-elements";
      readonly set: SetReference;
      readonly elements: readonly Element[];
    }
  | { readonly kind: "add-chain" | "empty-chain" | "delete-chain"; readonly mark: number }
  | { readonly kind: "add-rule"; readonly mark: number; readonly id: string; readonly slots: number };

/** What is done to the table of one family. */
export interface TableChange {
  readonly family: Family;
  readonly operations: readonly TableOperation[];
}

/**
 * The transaction is atomic, so packets see the old state or the new one; the order within is what the kernel's checks ask for:
 * what refers goes before what it refers to, and the other way round when adding.
 * @param shards endpoints maps that are there
 */
export function planTable(actual: TableState, wanted: TableState, shards: ReadonlySet<number>): TableOperation[] {
  const changes = new Changes();
  diffMap(changes, "virtual-services", actual.virtualServices, wanted.virtualServices);
  diffMap(changes, "published-services", actual.publishedServices, wanted.publishedServices);
  diffSet(changes, "virtual-addresses", actual.virtualAddresses, wanted.virtualAddresses);
  diffSet(changes, "refused-ports", actual.refusedPorts, wanted.refusedPorts);
  const teardown: TableOperation[] = [];
  const chains: TableOperation[] = [];
  const rules: TableOperation[] = [];
  for (const [mark, state] of actual.services) {
    if (wanted.services.has(mark)) continue;
    if (state.chain) teardown.push({ kind: "empty-chain", mark }, { kind: "delete-chain", mark });
    diffSlots(changes, mark, state.slots, []);
  }
  for (const [mark, state] of wanted.services) {
    const before = actual.services.get(mark);
    diffSlots(changes, mark, before?.slots ?? [], state.slots);
    diffChain(chains, rules, mark, before, state);
  }
  const missingShards = [...changes.shardsAdded].filter((shard) => !shards.has(shard)).sort((a, b) => a - b);
  return [
    ...changes.deletions(),
    ...teardown,
    ...missingShards.map((shard): TableOperation => ({ kind: "add-shard", shard })),
    ...chains,
    ...rules,
    ...changes.additions(),
  ];
}

/** Everything anew in one transaction: for a table that is damaged beyond its services, or not there. */
export function planNewTable(wanted: TableState, exists: boolean): TableOperation[] {
  const remove: TableOperation[] = exists ? [{ kind: "delete-table" }] : [];
  return [...remove, { kind: "add-table" }, ...planTable(EMPTY_TABLE, wanted, new Set())];
}

/** Kernel objects that the operations write or remove. */
export function countObjects(operations: readonly TableOperation[]): number {
  return operations.reduce((sum, operation) => sum + ("elements" in operation ? operation.elements.length : 1), 0);
}

/** Elements to delete and to add, gathered by set so that they travel in few messages. */
class Changes {
  readonly #deleted = new Map<SetReference, Element[]>();
  readonly #added = new Map<SetReference, Element[]>();

  get shardsAdded(): Set<number> {
    return new Set([...this.#added.keys()].filter((set) => typeof set === "number"));
  }

  delete(set: SetReference, element: Element): void {
    gather(this.#deleted, set, element);
  }

  add(set: SetReference, element: Element): void {
    gather(this.#added, set, element);
  }

  deletions(): TableOperation[] {
    return [...this.#deleted].map(([set, elements]) => ({ kind: "delete-elements", set, elements }));
  }

  additions(): TableOperation[] {
    return [...this.#added].map(([set, elements]) => ({ kind: "add-elements", set, elements }));
  }
}

function gather(into: Map<SetReference, Element[]>, set: SetReference, element: Element): void {
  const elements = into.get(set);
  if (elements) elements.push(element);
  else into.set(set, [element]);
}

/** A value cannot be changed in place: the element is deleted and added, in the one transaction. */
function diffMap(
  changes: Changes,
  set: PlainSet,
  actual: ReadonlyMap<string, number>,
  wanted: ReadonlyMap<string, number>,
): void {
  for (const [key, value] of actual) if (wanted.get(key) !== value) changes.delete(set, { key, value });
  for (const [key, value] of wanted) if (actual.get(key) !== value) changes.add(set, { key, value });
}

function diffSet(changes: Changes, set: PlainSet, actual: ReadonlySet<string>, wanted: ReadonlySet<string>): void {
  for (const key of actual) if (!wanted.has(key)) changes.delete(set, { key });
  for (const key of wanted) if (!actual.has(key)) changes.add(set, { key });
}

function diffSlots(
  changes: Changes,
  mark: number,
  actual: readonly (string | undefined)[],
  wanted: readonly (string | undefined)[],
): void {
  const shard = shardOf(mark);
  const first = firstSlotOf(mark);
  for (let index = 0; index < Math.max(actual.length, wanted.length); index++) {
    const [before, after] = [actual[index], wanted[index]];
    if (before === after) continue;
    const key = first + index;
    if (before !== undefined) changes.delete(shard, { key, value: before });
    if (after !== undefined) changes.add(shard, { key, value: after });
  }
}

/** A rule that counts over another number of slots is written anew; its counter starts at the row's beginning. */
function diffChain(
  chains: TableOperation[],
  rules: TableOperation[],
  mark: number,
  before: ServiceState | undefined,
  { id, modulus }: ServiceState,
): void {
  if (!before?.chain) chains.push({ kind: "add-chain", mark });
  else if (before.modulus !== modulus) chains.push({ kind: "empty-chain", mark });
  if (!before?.chain || before.modulus !== modulus) rules.push({ kind: "add-rule", mark, id, slots: modulus });
}
