import { ItemState, type NodeObservation, type ObservedItem } from "../../api/generated/tswarm/v1/link.js";

/** How many objects of one kind a node wants and has. */
export interface KindTally {
  readonly kind: string;
  wanted: number;
  present: number;
  drifted: number;
}

/** `present`, `missing`, `different` or `extra`. */
export function itemState(item: ObservedItem): string {
  return ItemState[item.state]?.replace(/^ITEM_/, "").toLowerCase() ?? String(item.state);
}

export function isDrifted(item: ObservedItem): boolean {
  return item.state !== ItemState.ITEM_PRESENT;
}

/** Counts by kind, in the order in which kinds first come. */
export function tallyKinds(items: readonly ObservedItem[]): KindTally[] {
  const kinds = new Map<string, KindTally>();
  for (const item of items) {
    const entry = kinds.get(item.kind) ?? { kind: item.kind, wanted: 0, present: 0, drifted: 0 };
    kinds.set(item.kind, entry);
    if (item.state !== ItemState.ITEM_EXTRA) entry.wanted += 1;
    if (isDrifted(item)) entry.drifted += 1;
    else entry.present += 1;
  }
  return [...kinds.values()];
}

/** The sums that the verdict is made of. */
export interface Tally {
  readonly drifted: number;
  readonly driftedNodes: number;
  readonly silentNodes: number;
}

export function tally(nodes: readonly NodeObservation[]): Tally {
  const counts = nodes.map((node) => (node.result?.items ?? []).filter(isDrifted).length);
  return {
    drifted: counts.reduce((sum, count) => sum + count, 0),
    driftedNodes: counts.filter((count) => count > 0).length,
    silentNodes: nodes.filter((node) => nodeError(node) !== "").length,
  };
}

/** Why there is no answer of a node, or why its answer is not whole. */
export function nodeError(node: NodeObservation): string {
  return node.error || node.result?.error || (node.result === undefined ? "no answer" : "");
}

/** The last line: `no drift` only when every node answered, else how much and where. */
export function verdict(nodes: readonly NodeObservation[]): string {
  if (nodes.length === 0) return "no node takes part";
  const { drifted, driftedNodes, silentNodes } = tally(nodes);
  if (silentNodes === 0 && drifted === 0) return "no drift";
  const drift =
    drifted === 0
      ? "nothing drifted on the others"
      : `${plural(drifted, "object")} drifted on ${plural(driftedNodes, "node")}`;
  return silentNodes === 0 ? drift : `${plural(silentNodes, "node")} gave no full answer; ${drift}`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
