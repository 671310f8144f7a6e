/** How many slots a service is to have more or less. Pure. */
import { TaskState } from "../../api/generated/docker/swarmkit/v1/types.js";
import { isOver } from "../task-life.js";
import type { Step } from "./action.js";
import { jobSize } from "./job.js";
import type { JobTally } from "./job-tally.js";
import { surplusSlots } from "./scale-down.js";
import type { ServiceRules } from "./service-rules.js";
import { isOpen, type Slot, type Surroundings } from "./slot.js";
import { removeSlot, replacement } from "./slot-care.js";
import type { SlotTable } from "./slot-table.js";

export interface Count {
  readonly steps: readonly Step[];
  /** Slots that are given up. */
  readonly removed: readonly Slot[];
  /** There is more to do than fitted into the limit. */
  readonly isPartial: boolean;
}

const RIGHT: Count = { steps: [], removed: [], isPartial: false };

/** @param limit how many slots at most in one go */
export function* countReplicas(
  rules: ServiceRules,
  table: SlotTable,
  around: Surroundings,
  limit: number,
): Generator<undefined, Count> {
  const { mode } = rules.service.spec ?? {};
  const replicas = mode?.$case === "replicated" ? mode.value.replicas : 0;
  const missing = replicas - table.open;
  if (missing > 0) {
    const numbers = table.lowestFree(Math.min(missing, limit));
    return { ...RIGHT, steps: createSlots(numbers, table, rules), isPartial: missing > limit };
  }
  if (missing === 0) return RIGHT;
  const surplus = Math.min(-missing, limit);
  const open = openSlots(table);
  const removed = replicas === 0 ? firstOf(open, surplus) : yield* surplusSlots(open, surplus, around);
  return { steps: removed.flatMap((slot) => removeSlot(slot).steps), removed, isPartial: -missing > limit };
}

/** The slots of a replicated job that begin now, the lowest numbers first. */
export function countJob(rules: ServiceRules, table: SlotTable, tally: JobTally, limit: number): Count {
  const size = jobSize(rules);
  const missing = tally.missing(size);
  const numbers = tally.lowestOpen((number) => table.get(number), size.completions, Math.min(missing, limit));
  return { ...RIGHT, steps: createSlots(numbers, table, rules), isPartial: missing > limit };
}

/** Where something still stops the new task waits for that: no slot runs twice. */
function createSlots(numbers: readonly number[], table: SlotTable, { goal }: ServiceRules): readonly Step[] {
  return numbers.map((number) => {
    const isFree = table.get(number)?.tasks.every(isOver) ?? true;
    return [replacement({ number, nodeId: "" }, isFree ? goal : TaskState.READY)];
  });
}

function* openSlots(table: SlotTable): Generator<Slot> {
  for (const slot of table.slots()) if (isOpen(slot)) yield slot;
}

function firstOf(slots: Iterable<Slot>, count: number): readonly Slot[] {
  const found: Slot[] = [];
  for (const slot of slots) {
    if (found.length >= count) break;
    found.push(slot);
  }
  return found;
}
