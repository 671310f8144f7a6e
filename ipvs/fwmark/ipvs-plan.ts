/** From one state of IPVS to another: what comes before the marks that lead to it, and what goes after them. Pure. */
import { markService } from "../../native-bindings/ipvs/objects.js";
import type { IpvsOperation } from "../../native-bindings/ipvs/socket.js";
import { type IpvsServiceState, type IpvsState, sameDestination } from "./ipvs-state.js";

export interface IpvsPlan {
  /** New and changed services and destinations: before any mark leads to them. */
  readonly build: readonly IpvsOperation[];
  /** What is not wanted: when no mark leads to it any more. */
  readonly remove: readonly IpvsOperation[];
}

/**
 * A destination that comes back from draining is there already: it is set, not added. Within a service the destinations that
 * come stand before those that go, so that a replacement never leaves it empty.
 */
export function planIpvs(actual: IpvsState, wanted: IpvsState): IpvsPlan {
  const build: IpvsOperation[] = [];
  const remove: IpvsOperation[] = [];
  for (const [name, state] of wanted) {
    const before = actual.get(name);
    const service = markService(state.key.mark, state.scheduler, state.key.family);
    if (!before) build.push({ kind: "add-service", service });
    else if (before.scheduler !== state.scheduler || !before.plain) build.push({ kind: "set-service", service });
    planDestinations(build, remove, before, state);
  }
  for (const [name, { key }] of actual) if (!wanted.has(name)) remove.push({ kind: "delete-service", key });
  return { build, remove };
}

function planDestinations(
  build: IpvsOperation[],
  remove: IpvsOperation[],
  before: IpvsServiceState | undefined,
  wanted: IpvsServiceState,
): void {
  const { key } = wanted;
  for (const [name, destination] of wanted.destinations) {
    const there = before?.destinations.get(name);
    if (!there) build.push({ kind: "add-destination", key, destination });
    else if (!sameDestination(there, destination)) build.push({ kind: "set-destination", key, destination });
  }
  for (const [name, destination] of before?.destinations ?? []) {
    if (!wanted.destinations.has(name)) remove.push({ kind: "delete-destination", key, destination });
  }
}
