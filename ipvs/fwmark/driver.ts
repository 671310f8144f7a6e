/** Load balancing by IPVS: a service for each firewall mark, and iptables rules that set the marks. */
import { release } from "node:os";
import type { IpvsOperation, IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { PacketFilterError } from "../../netns/packet-filter/errors.js";
import { type IptablesCommands, restoreTables, saveTables } from "../../netns/packet-filter/iptables-command.js";
import { parseIptablesSave } from "../../netns/packet-filter/iptables-save.js";
import { endStaleFlows } from "../connection-table.js";
import { settingDrift } from "../drift-parts.js";
import { LoadBalancerWriteError } from "../errors.js";
import { flowRulesOfChanges, flowRulesOfLook } from "../flows.js";
import { KernelSockets } from "../kernel-sockets.js";
import type { ApplyResult, DestinationDrift, LoadBalancer, VirtualService } from "../load-balancer.js";
import { hasChanges, type ServiceChanges, serviceChanges } from "../service-changes.js";
import { differingSysctls, setSysctls } from "../sysctl.js";
import { validateChanges } from "../validation.js";
import {
  planRoutes,
  readRoutes,
  removeRoutes,
  type VirtualRoutes,
  wantedRoutes,
  writeRoutes,
} from "../virtual-routes.js";
import { wantedWays } from "../ways.js";
import { fwmarkDrift } from "./drift.js";
import { planIpvs } from "./ipvs-plan.js";
import { readIpvs, wantedIpvs } from "./ipvs-state.js";
import { waysOfRules } from "./mark-rules.js";
import { changeInput, clearInput, isAsWanted, type KernelRules, rebuildInput, rulesOfSave } from "./restore-plan.js";
import { ipvsSettings } from "./settings.js";
import { countWrites, orderedSteps, type Step } from "./steps.js";

export class FwmarkLoadBalancer implements LoadBalancer {
  readonly name = "ipvs";
  readonly balancesIpv6: boolean;
  readonly #iptables: IptablesCommands;
  /** What the last apply wrote, as long as no drift was seen. */
  #known: readonly VirtualService[] | undefined;

  constructor(iptables: IptablesCommands, { balancesIpv6 }: Pick<LoadBalancer, "balancesIpv6">) {
    this.balancesIpv6 = balancesIpv6;
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
    validateChanges(changes, wanted, this);
    using kernel = new KernelSockets();
    return { changed: known ? this.#change(kernel, changes, wanted) : this.#look(kernel, wanted) };
  }

  observe(wanted: readonly VirtualService[]): readonly DestinationDrift[] {
    using kernel = new KernelSockets();
    const rules = this.#readRules();
    const settings = wanted.length > 0 ? settingDrift(differingSysctls(ipvsSettings(release()))) : [];
    const services = fwmarkDrift(wanted, {
      ipvs: readIpvs(kernel.ipvs),
      ways: waysOfRules(rules.chains),
      rulesAsWanted: isAsWanted(rules, wantedWays(wanted)),
      routes: readRoutes(kernel.route),
    });
    const drifts = [...services, ...settings];
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
    const removal = { remove: [...routes.keys()], write: [] };
    const flows = flowRulesOfLook([], routes.keys(), ports);
    this.#carryOut(kernel, orderedSteps(removal, planIpvs(services, new Map()), clearInput(rules), flows));
  }

  #change(kernel: KernelSockets, changes: ServiceChanges, wanted: readonly VirtualService[]): number {
    const before = [...changes.removed, ...changes.changed.map((change) => change.before)];
    const after = [...changes.added, ...changes.changed.map((change) => change.after)];
    const steps = orderedSteps(
      planRoutes(wantedRoutes(before), wantedRoutes(after)),
      planIpvs(wantedIpvs(before), wantedIpvs(after)),
      changeInput(wantedWays(before), wantedWays(after)),
      flowRulesOfChanges(changes),
    );
    this.#known = undefined;
    try {
      const changed = this.#carryOut(kernel, steps);
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
    const steps = orderedSteps(
      planRoutes(routes, wantedRoutes(wanted)),
      planIpvs(readIpvs(kernel.ipvs).services, wantedIpvs(wanted)),
      rebuildInput(rules, wantedWays(wanted)),
      flowRulesOfLook(wanted, routes.keys(), waysOfRules(rules.chains).publishedServices.keys()),
    );
    const changed = this.#carryOut(kernel, steps);
    this.#known = wanted;
    return settings + changed;
  }

  /** Refused rules end it there, so that nothing is removed that marks still lead to. @returns kernel objects written */
  #carryOut(kernel: KernelSockets, steps: readonly Step[]): number {
    const refusals: string[] = [];
    let ended = 0;
    for (const step of steps) {
      if (step.kind === "remove-routes") refusals.push(...removeRoutes(kernel.route, step.addresses));
      else if (step.kind === "restore-rules") this.#restore(step.input);
      else if (step.kind === "end-flows") ended += endStaleFlows(step.rules, kernel);
      else if (step.kind === "write-routes") refusals.push(...writeRoutes(kernel.route, step.routes));
      else refusals.push(...write(kernel.ipvs, step.operations));
    }
    if (refusals.length > 0) throw new LoadBalancerWriteError(this.name, refusals);
    return countWrites(steps) + ended;
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
