/** Load balancing by IPVS: a service for each firewall mark, and iptables rules that set the marks. */
import { release } from "node:os";
import type { IpvsOperation, IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { PacketFilterError } from "../../netns/packet-filter/errors.js";
import { type IptablesCommands, restoreTables, saveTables } from "../../netns/packet-filter/iptables-command.js";
import { parseIptablesSave } from "../../netns/packet-filter/iptables-save.js";
import { endStaleFlows } from "../connection-table.js";
import { LoadBalancerWriteError } from "../errors.js";
import { type FlowRules, flowRulesOfChanges, flowRulesOfLook } from "../flows.js";
import { KernelSockets } from "../kernel-sockets.js";
import type { ApplyResult, DestinationDrift, LoadBalancer, VirtualService } from "../load-balancer.js";
import { hasChanges, type ServiceChanges, serviceChanges } from "../service-changes.js";
import { setSysctls } from "../sysctl.js";
import { validateChanges } from "../validation.js";
import {
  planRoutes,
  type RoutePlan,
  readRoutes,
  removeRoutes,
  type VirtualRoutes,
  wantedRoutes,
  writeRoutes,
} from "../virtual-routes.js";
import { wantedWays } from "../ways.js";
import { fwmarkDrift } from "./drift.js";
import { type IpvsPlan, planIpvs } from "./ipvs-plan.js";
import { readIpvs, wantedIpvs } from "./ipvs-state.js";
import { waysOfRules } from "./mark-rules.js";
import { changeInput, clearInput, isAsWanted, type KernelRules, rebuildInput, rulesOfSave } from "./restore-plan.js";
import { ipvsSettings } from "./settings.js";

/** What one apply does, in this order: routes that go, IPVS build, rules, IPVS removal, connections, routes that come. */
interface Steps {
  readonly routes: RoutePlan;
  readonly ipvs: IpvsPlan;
  /** Input of one `iptables-restore`; empty: nothing to write. */
  readonly rules: string;
  readonly flows: FlowRules;
}

export class FwmarkLoadBalancer implements LoadBalancer {
  readonly name = "ipvs";
  readonly #iptables: IptablesCommands;
  /** What the last apply wrote, as long as no drift was seen. */
  #known: readonly VirtualService[] | undefined;

  constructor(iptables: IptablesCommands) {
    this.#iptables = iptables;
  }

  /**
   * Writes what differs from the last apply; after a drift that {@link observe} found, or a refusal, from what the kernel has.
   * @throws WantedServiceError before anything is written, LoadBalancerWriteError when the kernel refuses
   */
  apply(wanted: readonly VirtualService[]): ApplyResult {
    const known = this.#known;
    const changes = serviceChanges(known ?? [], wanted);
    if (known && !hasChanges(changes)) {
      this.#known = wanted;
      return { changed: 0 };
    }
    validateChanges(changes, wanted);
    using kernel = new KernelSockets();
    return { changed: known ? this.#change(kernel, changes, wanted) : this.#look(kernel, wanted) };
  }

  observe(wanted: readonly VirtualService[]): readonly DestinationDrift[] {
    using kernel = new KernelSockets();
    const rules = this.#readRules();
    const drifts = fwmarkDrift(wanted, {
      ipvs: readIpvs(kernel.ipvs),
      ways: waysOfRules(rules.chains),
      rulesAsWanted: isAsWanted(rules, wantedWays(wanted)),
      routes: readRoutes(kernel.route),
    });
    if (drifts.some(({ state }) => state !== "present")) this.#known = undefined;
    return drifts;
  }

  clear(): void {
    this.#known = undefined;
    using kernel = new KernelSockets();
    const routes = readRoutes(kernel.route);
    const rules = this.#readRules();
    const { services } = readIpvs(kernel.ipvs);
    const ports = waysOfRules(rules.chains).publishedServices.keys();
    this.#carryOut(kernel, {
      routes: { remove: [...routes.keys()], write: [] },
      ipvs: planIpvs(services, new Map()),
      rules: clearInput(rules),
      flows: flowRulesOfLook([], routes.keys(), ports),
    });
  }

  #change(kernel: KernelSockets, changes: ServiceChanges, wanted: readonly VirtualService[]): number {
    const before = [...changes.removed, ...changes.changed.map((change) => change.before)];
    const after = [...changes.added, ...changes.changed.map((change) => change.after)];
    this.#known = undefined;
    try {
      const changed = this.#carryOut(kernel, {
        routes: planRoutes(wantedRoutes(before), wantedRoutes(after)),
        ipvs: planIpvs(wantedIpvs(before), wantedIpvs(after)),
        rules: changeInput(wantedWays(before), wantedWays(after)),
        flows: flowRulesOfChanges(changes),
      });
      this.#known = wanted;
      return changed;
    } catch (error) {
      // The kernel no longer has what the last apply wrote.
      if (error instanceof LoadBalancerWriteError) return this.#look(kernel, wanted);
      throw error;
    }
  }

  #look(kernel: KernelSockets, wanted: readonly VirtualService[]): number {
    this.#known = undefined;
    const settings = setSysctls(ipvsSettings(release()));
    const routes: VirtualRoutes = readRoutes(kernel.route);
    const rules = this.#readRules();
    const changed = this.#carryOut(kernel, {
      routes: planRoutes(routes, wantedRoutes(wanted)),
      ipvs: planIpvs(readIpvs(kernel.ipvs).services, wantedIpvs(wanted)),
      rules: rebuildInput(rules, wantedWays(wanted)),
      flows: flowRulesOfLook(wanted, routes.keys(), waysOfRules(rules.chains).publishedServices.keys()),
    });
    this.#known = wanted;
    return settings + changed;
  }

  /** @returns kernel objects written */
  #carryOut(kernel: KernelSockets, { routes, ipvs, rules, flows }: Steps): number {
    const refusals = routes.remove.length > 0 ? removeRoutes(kernel.route, routes.remove) : [];
    if (ipvs.build.length > 0) refusals.push(...write(kernel.ipvs, ipvs.build));
    if (rules !== "") this.#restore(rules);
    if (ipvs.remove.length > 0) refusals.push(...write(kernel.ipvs, ipvs.remove));
    const ended = endStaleFlows(flows, kernel);
    if (routes.write.length > 0) refusals.push(...writeRoutes(kernel.route, routes.write));
    if (refusals.length > 0) throw new LoadBalancerWriteError(this.name, refusals);
    const lines = rules.match(/^-[ADI] /gm)?.length ?? 0;
    return routes.remove.length + ipvs.build.length + lines + ipvs.remove.length + ended + routes.write.length;
  }

  #readRules(): KernelRules {
    return rulesOfSave(parseIptablesSave(saveTables(this.#iptables, "ip")));
  }

  #restore(input: string): void {
    try {
      restoreTables(this.#iptables, "ip", input);
    } catch (error) {
      if (!(error instanceof PacketFilterError)) throw error;
      throw new LoadBalancerWriteError(this.name, [error.message], { cause: error });
    }
  }
}

/** Deleting what is gone already is as wanted. @returns refusals, in words */
function write(socket: IpvsSocket, operations: readonly IpvsOperation[]): string[] {
  return [...socket.write(operations)]
    .filter(([index, { code }]) => {
      const deleting = operations[index]!.kind.startsWith("delete-");
      return !(deleting && (code === "ESRCH" || code === "ENOENT"));
    })
    .map(([, { message }]) => message);
}
