/** Wanted services against IPVS and its mark rules: one line for each part. Pure. */
import { describeServiceKey } from "../../native-bindings/ipvs/objects.js";
import { extraWays, markPart, type Part, routePart } from "../drift-parts.js";
import type { DestinationDrift, VirtualService } from "../load-balancer.js";
import type { VirtualRoutes } from "../virtual-routes.js";
import type { Ways } from "../ways.js";
import { type IpvsServiceState, type KernelIpvs, keyOf, sameDestination, wantedIpvs } from "./ipvs-state.js";

export interface FwmarkObservation {
  readonly ipvs: KernelIpvs;
  readonly ways: Ways;
  /** The chains hold exactly what is wanted and are jumped to. */
  readonly rulesAsWanted: boolean;
  readonly routes: VirtualRoutes;
}

export function fwmarkDrift(wanted: readonly VirtualService[], found: FwmarkObservation): DestinationDrift[] {
  const drifts: DestinationDrift[] = [];
  const states = wantedIpvs(wanted);
  for (const service of wanted) {
    const add = (part: Part) => drifts.push({ serviceId: service.id, mark: service.mark, ...part });
    const name = describeServiceKey(keyOf(service));
    const actual = found.ipvs.services.get(name);
    const state = states.get(name)!;
    if (service.virtual) add(routePart(service.virtual, found.routes));
    add(markPart(service, found.ways));
    add(servicePart(state, actual));
    for (const part of destinationParts(state, actual)) add(part);
  }
  for (const [name, { key, scheduler }] of found.ipvs.services) {
    if (states.has(name)) continue;
    drifts.push({ serviceId: "", mark: key.mark, part: "service", state: "extra", found: `${name} ${scheduler}` });
  }
  for (const text of found.ipvs.foreign) {
    drifts.push({ serviceId: "", mark: 0, part: "service", state: "extra", found: `${text}, not of tswarm: kept` });
  }
  drifts.push(...extraWays(wanted, found.ways, found.routes));
  if (!found.rulesAsWanted && drifts.every(({ part, state }) => part !== "mark" || state === "present")) {
    drifts.push({
      serviceId: "",
      mark: 0,
      part: "mark",
      state: "different",
      found: "chains or jumps of the mark rules",
    });
  }
  return drifts;
}

function servicePart(wanted: IpvsServiceState, actual: IpvsServiceState | undefined): Part {
  if (!actual) return { part: "service", state: "missing", wanted: wanted.scheduler };
  if (actual.scheduler === wanted.scheduler && actual.plain) return { part: "service", state: "present" };
  const found = actual.plain ? actual.scheduler : `${actual.scheduler} with flags or persistence`;
  return { part: "service", state: "different", wanted: wanted.scheduler, found };
}

function destinationParts(wanted: IpvsServiceState, actual: IpvsServiceState | undefined): Part[] {
  const parts: Part[] = [];
  for (const [name, destination] of wanted.destinations) {
    const { address, weight } = destination;
    const there = actual?.destinations.get(name);
    const common = { part: address, weight, connections: actual?.connections?.get(name) ?? 0 };
    if (!there) parts.push({ ...common, state: "missing", wanted: `masquerade weight ${weight}` });
    else if (sameDestination(there, destination)) parts.push({ ...common, state: "present" });
    else {
      const foundText = `${there.forwarding} weight ${there.weight}`;
      parts.push({ ...common, state: "different", wanted: `masquerade weight ${weight}`, found: foundText });
    }
  }
  for (const [name, { address, port, forwarding, weight }] of actual?.destinations ?? []) {
    if (wanted.destinations.has(name)) continue;
    const text = port === 0 ? address : name;
    parts.push({ part: text, state: "extra", found: `${forwarding} weight ${weight}` });
  }
  return parts;
}
