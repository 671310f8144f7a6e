/** What differs between two lists of wanted services. */
import type { VirtualService } from "./load-balancer.js";

export interface ServiceChange {
  readonly before: VirtualService;
  readonly after: VirtualService;
}

export interface ServiceChanges {
  readonly removed: readonly VirtualService[];
  readonly added: readonly VirtualService[];
  /** The same id, with something else in it. */
  readonly changed: readonly ServiceChange[];
}

/**
 * Compares by identity first: wanted objects are immutable and shared, so an unchanged service costs one comparison, and an
 * unchanged list one in all. Equal objects made anew count as unchanged too.
 */
export function serviceChanges(before: readonly VirtualService[], after: readonly VirtualService[]): ServiceChanges {
  const removed: VirtualService[] = [];
  const added: VirtualService[] = [];
  const changed: ServiceChange[] = [];
  if (before === after) return { removed, added, changed };
  let start = 0;
  let [beforeEnd, afterEnd] = [before.length, after.length];
  const pair = (one: VirtualService, other: VirtualService) => {
    if (!sameService(one, other)) changed.push({ before: one, after: other });
  };
  for (; start < beforeEnd && start < afterEnd && before[start]!.id === after[start]!.id; start++) {
    pair(before[start]!, after[start]!);
  }
  for (; beforeEnd > start && afterEnd > start && before[beforeEnd - 1]!.id === after[afterEnd - 1]!.id; ) {
    pair(before[--beforeEnd]!, after[--afterEnd]!);
  }
  const rest = new Map<string, VirtualService>();
  for (let index = start; index < beforeEnd; index++) rest.set(before[index]!.id, before[index]!);
  for (let index = start; index < afterEnd; index++) {
    const service = after[index]!;
    const old = rest.get(service.id);
    if (!old) added.push(service);
    else {
      rest.delete(service.id);
      pair(old, service);
    }
  }
  removed.push(...rest.values());
  return { removed, added, changed };
}

export function hasChanges({ removed, added, changed }: ServiceChanges): boolean {
  return removed.length + added.length + changed.length > 0;
}

/** What goes or is replaced, and what comes or replaces it. */
export function sidesOf({ removed, added, changed }: ServiceChanges) {
  return {
    before: [...removed, ...changed.map((change) => change.before)],
    after: [...added, ...changed.map((change) => change.after)],
  };
}

/** The same ways lead to both: virtual address and published ports. */
export function sameWays(one: VirtualService, other: VirtualService): boolean {
  return (
    one.virtual?.address === other.virtual?.address &&
    sameList(one.published, other.published, (a, b) => a.port === b.port && a.protocol === b.protocol)
  );
}

export function sameService(one: VirtualService, other: VirtualService): boolean {
  if (one === other) return true;
  return (
    one.id === other.id &&
    one.mark === other.mark &&
    sameWays(one, other) &&
    one.virtual?.sourceAddress === other.virtual?.sourceAddress &&
    sameList(one.destinations, other.destinations, (a, b) => a.address === b.address && a.weight === b.weight)
  );
}

function sameList<T>(one: readonly T[], other: readonly T[], same: (a: T, b: T) => boolean): boolean {
  if (one === other) return true;
  return (
    one.length === other.length && one.every((entry, index) => entry === other[index] || same(entry, other[index]!))
  );
}
