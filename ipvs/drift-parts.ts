/** The parts of a drift report that both drivers have: routes, and the ways that lead to services. Pure. */
import type { DestinationDrift, VirtualService } from "./load-balancer.js";
import { portKey } from "./published-port.js";
import type { Sysctl } from "./sysctl.js";
import type { VirtualRoutes } from "./virtual-routes.js";
import { isCallable, type Ways } from "./ways.js";

export type Part = Omit<DestinationDrift, "serviceId" | "mark">;

export function routePart(virtual: NonNullable<VirtualService["virtual"]>, routes: VirtualRoutes): Part {
  const wanted = `local ${virtual.address} src ${virtual.sourceAddress}`;
  const source = routes.get(virtual.address);
  if (source === undefined) return { part: "route", state: "missing", wanted };
  if (source === virtual.sourceAddress) return { part: "route", state: "present" };
  return { part: "route", state: "different", wanted, found: `local ${virtual.address} src ${source || "none"}` };
}

/** What leads to the service, or to its refusal. */
export function markPart(service: VirtualService, ways: Ways): Part {
  const { mark, virtual, published } = service;
  const callable = isCallable(service);
  const problems: string[] = [];
  const check = (key: string, leadsTo: number | undefined, listed: boolean, shouldList: boolean) => {
    if (leadsTo !== (callable ? mark : undefined)) problems.push(`${key} leads to ${leadsTo ?? "nothing"}`);
    if (listed !== shouldList) problems.push(`${key} is ${listed ? "" : "not "}refused`);
  };
  if (virtual) {
    const { address } = virtual;
    check(address, ways.virtualServices.get(address), ways.virtualAddresses.has(address), true);
  }
  for (const entry of published) {
    const port = portKey(entry);
    check(port, ways.publishedServices.get(port), ways.refusedPorts.has(port), !callable);
  }
  if (problems.length === 0) return { part: "mark", state: "present" };
  const wanted = callable ? `leads to ${mark}` : "refused";
  const nothing = problems.every(
    (problem) => problem.endsWith("leads to nothing") || problem.endsWith("is not refused"),
  );
  return { part: "mark", state: nothing ? "missing" : "different", wanted, found: problems.join(", ") };
}

/** What leads nowhere wanted. */
export function extraWays(wanted: readonly VirtualService[], ways: Ways, routes: VirtualRoutes): DestinationDrift[] {
  const addresses = new Set(wanted.flatMap(({ virtual }) => (virtual ? [virtual.address] : [])));
  const ports = new Set(wanted.flatMap(({ published }) => published.map(portKey)));
  const drifts: DestinationDrift[] = [];
  const extra = (mark: number, part: string, found: string) =>
    drifts.push({ serviceId: "", mark, part, state: "extra", found });
  for (const [address, mark] of ways.virtualServices) if (!addresses.has(address)) extra(mark, "mark", address);
  for (const [port, mark] of ways.publishedServices) if (!ports.has(port)) extra(mark, "mark", port);
  for (const address of ways.virtualAddresses) if (!addresses.has(address)) extra(0, "mark", address);
  for (const port of ways.refusedPorts) if (!ports.has(port)) extra(0, "mark", port);
  for (const address of routes.keys()) if (!addresses.has(address)) extra(0, "route", `local ${address}`);
  return drifts;
}

/** Settings of the namespace that are not as they must be. */
export function settingDrift(differing: readonly Sysctl[]): DestinationDrift[] {
  return differing.map(([path, value]) => ({
    serviceId: "",
    mark: 0,
    part: "setting",
    state: "different",
    wanted: `${path} ${value}`,
  }));
}
