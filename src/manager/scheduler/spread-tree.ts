/**
 * Chooses nodes for equal tasks one by one: at each level of the placement preferences the branch with the fewest tasks of
 * the service, in it the node with the fewest of them, then with the fewest tasks at all.
 */
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { PlacementPreference } from "../../api/generated/docker/swarmkit/v1/types.js";

export interface Candidate {
  readonly node: Node;
  /** Tasks of the service on the node, and tasks at all. */
  serviceTasks: number;
  totalTasks: number;
}

interface Branch {
  readonly children: Branch[];
  /** A heap, the best first; empty in a branch with children. */
  readonly candidates: Candidate[];
  serviceTasks: number;
}

/** Reads the label that a preference spreads over; undefined for a preference that nobody knows. */
type LabelOf = (node: Node) => string;

export class SpreadTree {
  readonly #root: Branch;

  constructor(candidates: readonly Candidate[], preferences: readonly PlacementPreference[]) {
    this.#root = grow(candidates, preferences.flatMap(labelReader));
  }

  /**
   * Takes the best candidate.
   * @param place puts a task there; false when the node cannot take it after all (it is not asked again)
   * @returns the node, or undefined when no candidate is left
   */
  next(place: (node: Node) => boolean): Node | undefined {
    for (;;) {
      const path = bestPath(this.#root);
      const candidate = path.at(-1)?.candidates[0];
      if (!candidate) return undefined;
      const placed = place(candidate.node);
      const heap = path.at(-1)!.candidates;
      if (placed) {
        candidate.serviceTasks++;
        candidate.totalTasks++;
        for (const branch of path) branch.serviceTasks++;
        sink(heap, 0);
        return candidate.node;
      }
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        sink(heap, 0);
      }
    }
  }
}

function grow(candidates: readonly Candidate[], labels: readonly LabelOf[]): Branch {
  const serviceTasks = candidates.reduce((sum, candidate) => sum + candidate.serviceTasks, 0);
  const [labelOf, ...rest] = labels;
  if (!labelOf) {
    const heap = [...candidates];
    for (let i = (heap.length >> 1) - 1; i >= 0; i--) sink(heap, i);
    return { children: [], candidates: heap, serviceTasks };
  }
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const label = labelOf(candidate.node);
    const group = groups.get(label);
    if (group) group.push(candidate);
    else groups.set(label, [candidate]);
  }
  return { children: [...groups.values()].map((group) => grow(group, rest)), candidates: [], serviceTasks };
}

/** From the root to the leaf of the best candidate; empty when there is none. */
function bestPath(branch: Branch): Branch[] {
  if (branch.children.length === 0) return branch.candidates.length > 0 ? [branch] : [];
  let best: Branch[] = [];
  for (const child of branch.children) {
    if (best[0] && child.serviceTasks >= best[0].serviceTasks) continue;
    const path = bestPath(child);
    if (path.length > 0) best = path;
  }
  return best.length > 0 ? [branch, ...best] : [];
}

function isBetter(a: Candidate, b: Candidate): boolean {
  if (a.serviceTasks !== b.serviceTasks) return a.serviceTasks < b.serviceTasks;
  if (a.totalTasks !== b.totalTasks) return a.totalTasks < b.totalTasks;
  return a.node.id < b.node.id;
}

function sink(heap: Candidate[], start: number): void {
  let at = start;
  for (;;) {
    let best = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      if (child < heap.length && isBetter(heap[child]!, heap[best]!)) best = child;
    }
    if (best === at) return;
    [heap[at], heap[best]] = [heap[best]!, heap[at]!];
    at = best;
  }
}

function labelReader(preference: PlacementPreference): readonly LabelOf[] {
  const descriptor = preference.Preference?.value.spreadDescriptor ?? "";
  const [, source, key] = /^(node|engine)\.labels\.(.+)$/i.exec(descriptor) ?? [];
  if (!source || !key) return [];
  return source.toLowerCase() === "node"
    ? [(node) => node.spec?.annotations?.labels[key] ?? ""]
    : [(node) => node.description?.engine?.labels[key] ?? ""];
}
