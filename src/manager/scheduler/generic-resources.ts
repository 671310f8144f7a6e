/**
 * Resources that only a node's owner knows: named ones ("gpu" with the values GPU-1 and GPU-2) and discrete ones ("fpga", 4 of them).
 * A task reserves a number of a kind, and gets values where the node names them; or it reserves a value by its name.
 */
import type { GenericResource, Resources } from "../../api/generated/docker/swarmkit/v1/types.js";

/** What tasks reserve, or what a node has, of one kind. */
export interface OfKind {
  /** A number of any. */
  readonly count: number;
  /** In the order in which they were said. */
  readonly values: readonly string[];
}

export type GenericAmounts = ReadonlyMap<string, OfKind>;

const NOTHING: GenericAmounts = new Map();
const read = new WeakMap<readonly GenericResource[], GenericAmounts>();

/** Sums up a list; the same list is read once. */
export function genericAmounts(resources: Resources | undefined): GenericAmounts {
  return resources === undefined || resources.generic.length === 0 ? NOTHING : amountsOf(resources.generic);
}

function amountsOf(list: readonly GenericResource[]): GenericAmounts {
  let amounts = read.get(list);
  if (!amounts) {
    const made = new Map<string, { count: number; values: string[] }>();
    for (const { resource } of list) {
      if (!resource) continue;
      const { kind } = resource.value;
      const known = made.get(kind) ?? { count: 0, values: [] };
      made.set(kind, known);
      if (resource.$case === "discreteResourceSpec") known.count += Math.max(0, resource.value.value);
      else if (!known.values.includes(resource.value.value)) known.values.push(resource.value.value);
    }
    amounts = made;
    read.set(list, amounts);
  }
  return amounts;
}

/** What the tasks of one node have. */
export class GenericClaims {
  readonly #claims = new Map<string, { count: number; readonly values: Map<string, number> }>();

  /** @param assigned as the task carries it @param sign -1 gives back */
  change(assigned: readonly GenericResource[], sign: 1 | -1): void {
    for (const { resource } of assigned) {
      if (!resource) continue;
      const { kind } = resource.value;
      const claim = this.#claims.get(kind) ?? { count: 0, values: new Map<string, number>() };
      this.#claims.set(kind, claim);
      if (resource.$case === "discreteResourceSpec") {
        claim.count += sign * resource.value.value;
      } else {
        const holders = (claim.values.get(resource.value.value) ?? 0) + sign;
        if (holders > 0) claim.values.set(resource.value.value, holders);
        else claim.values.delete(resource.value.value);
      }
      if (claim.count === 0 && claim.values.size === 0) this.#claims.delete(kind);
    }
  }

  get isEmpty(): boolean {
    return this.#claims.size === 0;
  }

  /** How many of the kind are in use, named or not. */
  used(kind: string): number {
    const claim = this.#claims.get(kind);
    return claim ? claim.count + claim.values.size : 0;
  }

  isTaken(kind: string, value: string): boolean {
    return this.#claims.get(kind)?.values.has(value) ?? false;
  }
}

/**
 * Picks what a task gets, the first that are free.
 * @returns what is to be written into the task; undefined when the node has not enough
 */
export function chooseGeneric(
  wanted: GenericAmounts,
  has: GenericAmounts,
  claims: GenericClaims | undefined,
): readonly GenericResource[] | undefined {
  const chosen: GenericResource[] = [];
  for (const [kind, { count, values }] of wanted) {
    const here = has.get(kind);
    if (!here) {
      if (count > 0 || values.length > 0) return undefined;
      continue;
    }
    const isFree = (value: string) => here.values.includes(value) && !claims?.isTaken(kind, value);
    if (!values.every(isFree)) return undefined;
    for (const value of values) chosen.push(named(kind, value));
    if (count === 0) continue;
    if (here.values.length > 0) {
      const free = here.values.filter((value) => isFree(value) && !values.includes(value));
      if (free.length < count) return undefined;
      for (const value of free.slice(0, count)) chosen.push(named(kind, value));
    } else {
      if (here.count - (claims?.used(kind) ?? 0) < count) return undefined;
      chosen.push({ resource: { $case: "discreteResourceSpec", value: { kind, value: count } } });
    }
  }
  return chosen;
}

/**
 * Which of the claims the node no longer covers: a value that it does not have, or more than it counts.
 * @param assigned of tasks that are kept, the one in question last
 */
export function coversGeneric(has: GenericAmounts, assigned: readonly (readonly GenericResource[])[]): boolean {
  const needed = new Map<string, { count: number; values: number }>();
  for (const { resource } of assigned.flat()) {
    if (!resource) continue;
    const { kind } = resource.value;
    const here = has.get(kind);
    const need = needed.get(kind) ?? { count: 0, values: 0 };
    needed.set(kind, need);
    if (resource.$case === "namedResourceSpec") {
      if (!here?.values.includes(resource.value.value)) return false;
      need.values++;
    } else {
      need.count += resource.value.value;
      const total = here ? here.count + here.values.length : 0;
      if (need.count + need.values > total) return false;
    }
  }
  return true;
}

function named(kind: string, value: string): GenericResource {
  return { resource: { $case: "namedResourceSpec", value: { kind, value } } };
}
