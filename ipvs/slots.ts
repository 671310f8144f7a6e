/**
 * Round robin as a row of slots: a service's counter walks over them, each new connection takes the next one. A destination
 * stands in the row as often as its weight says, spread out, so that a heavy one gets no bursts.
 */
import type { Destination, VirtualService } from "./load-balancer.js";

/** Rows are no longer than this, unless there are more destinations: then each has one slot. */
export const SLOTS_TARGET = 256;

/**
 * The row of a service in one namespace. A destination with weight 0 has no slot.
 *
 * Every namespace walks its own row from its start, so the rows differ by namespace (by the address that clients there call
 * from): otherwise the first connection out of each of a hundred sandboxes would go to the same destination.
 */
export function slotsOf(service: VirtualService): string[] {
  const ordered = inNamespaceOrder(service).filter(({ weight }) => weight > 0);
  if (ordered.length === 0) return [];
  if (ordered.every(({ weight }) => weight === ordered[0]!.weight)) return ordered.map(({ address }) => address);
  return spread(ordered, slotCounts(ordered.map(({ weight }) => weight)));
}

/** The destinations in this namespace's order, which does not depend on the order in which they are given. */
export function inNamespaceOrder({ virtual, destinations }: VirtualService): readonly Destination[] {
  if (destinations.length < 2) return destinations;
  const salt = hash(virtual?.sourceAddress ?? "", 0x811c9dc5);
  return destinations
    .map((destination) => ({ destination, order: hash(destination.address, salt) }))
    .sort((a, b) => a.order - b.order || (a.destination.address < b.destination.address ? -1 : 1))
    .map(({ destination }) => destination);
}

/** How many slots each weight gets: in proportion, at least one, together at most {@link SLOTS_TARGET} or one each. */
export function slotCounts(weights: readonly number[]): number[] {
  const divisor = weights.reduce(greatestCommonDivisor, 0);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (sum / divisor <= SLOTS_TARGET) return weights.map((weight) => weight / divisor);
  const free = Math.max(0, SLOTS_TARGET - weights.length);
  return weights.map((weight) => 1 + Math.floor((free * weight) / sum));
}

/**
 * Smooth weighted round robin: each turn adds every destination's count to its credit, the richest takes the slot and pays
 * the row's length.
 */
function spread(destinations: readonly Destination[], counts: readonly number[]): string[] {
  const length = counts.reduce((total, count) => total + count, 0);
  const credits = counts.map(() => 0);
  return Array.from({ length }, () => {
    let richest = 0;
    for (let index = 0; index < counts.length; index++) {
      credits[index]! += counts[index]!;
      if (credits[index]! > credits[richest]!) richest = index;
    }
    credits[richest]! -= length;
    return destinations[richest]!.address;
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** FNV-1a, with a last mix so that addresses that differ in their last digit lie far apart. */
function hash(text: string, seed: number): number {
  let value = seed;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}
