/** Which slots go when there are too many. Pure; it pauses now and then, so that thousands do not hold anybody up. */
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { hasEnded, stateOf } from "../task-life.js";
import { presenceOf } from "./presence.js";
import { currentTask, type Slot, type Surroundings } from "./slot.js";

/** Slots that are looked at without a pause. */
const STRIDE = 200;

/**
 * Slots whose task does not run go first; then so that what stays is spread evenly: from the node that has most. Of equals the
 * highest number goes.
 * @param slots those that count
 * @param surplus how many are to go
 */
export function* surplusSlots(
  slots: Iterable<Slot>,
  surplus: number,
  around: Surroundings,
): Generator<undefined, readonly Slot[]> {
  const ranks: readonly [useless: Slot[], waiting: Slot[], starting: Slot[], running: Slot[]] = [[], [], [], []];
  const load = new Map<string, number>();
  let looked = 0;
  for (const slot of slots) {
    const rank = rankOf(slot, around);
    ranks[rank].push(slot);
    if (rank >= 2) count(load, nodeOf(slot), 1);
    if (++looked % STRIDE === 0) yield;
  }
  const chosen: Slot[] = [];
  for (const rank of [0, 1] as const) chosen.push(...highest(ranks[rank], surplus - chosen.length));
  for (const rank of [2, 3] as const) {
    if (chosen.length < surplus) yield* levelled(ranks[rank], surplus - chosen.length, load, chosen);
  }
  return chosen;
}

function rankOf(slot: Slot, around: Surroundings): 0 | 1 | 2 | 3 {
  const task = currentTask(slot);
  if (!task || hasEnded(task) || presenceOf(task, around) !== "here") return 0;
  if (task.nodeId === "") return 1;
  return stateOf(task) === TaskState.RUNNING ? 3 : 2;
}

function highest(slots: Slot[], most: number): readonly Slot[] {
  if (most <= 0) return [];
  return slots.length <= most ? slots : slots.sort((a, b) => b.number - a.number).slice(0, most);
}

/** Takes one from each of the nodes that have most, until enough are taken. */
function* levelled(
  slots: readonly Slot[],
  most: number,
  load: Map<string, number>,
  chosen: Slot[],
): Generator<undefined, void> {
  const byNode = new Map<string, Slot[]>();
  for (const slot of slots) {
    const nodeId = nodeOf(slot);
    const own = byNode.get(nodeId);
    if (own) own.push(slot);
    else byNode.set(nodeId, [slot]);
  }
  for (const own of byNode.values()) {
    own.sort((a, b) => a.number - b.number);
    yield;
  }
  const end = chosen.length + most;
  while (chosen.length < end && byNode.size > 0) {
    const level = Math.max(...[...byNode.keys()].map((nodeId) => load.get(nodeId)!));
    const fullest = [...byNode].filter(([nodeId]) => load.get(nodeId) === level);
    fullest.sort(([, a], [, b]) => b.at(-1)!.number - a.at(-1)!.number);
    for (const [nodeId, own] of fullest.slice(0, end - chosen.length)) {
      chosen.push(own.pop()!);
      count(load, nodeId, -1);
      if (own.length === 0) byNode.delete(nodeId);
    }
    yield;
  }
}

function nodeOf(slot: Slot): string {
  return currentTask(slot)!.nodeId;
}

function count(map: Map<string, number>, key: string, by: number): void {
  map.set(key, (map.get(key) ?? 0) + by);
}
