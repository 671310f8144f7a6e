/** Load balancing by IPVS: a service for each firewall mark, and iptables rules that set the marks. */
import { release } from "node:os";
import type { IpvsOperation, IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { PacketFilterError } from "../../netns/packet-filter/errors.js";
import { type IptablesCommands, restoreTables, saveTables } from "../../netns/packet-filter/iptables-command.js";
import { parseIptablesSave } from "../../netns/packet-filter/iptables-save.js";
import { kernelHasIpv6 } from "../../netns/packet-filter/kernel-families.js";
import { endStaleFlows } from "../connection-table.js";
import { settingDrift } from "../drift-parts.js";
import { LoadBalancerWriteError } from "../errors.js";
import { type Family, familyOfAddress, hasIpv6 } from "../family.js";
import { flowRulesOfChanges, flowRulesOfLook } from "../flows.js";
import { KernelSockets } from "../kernel-sockets.js";
import type { ApplyResult, DestinationDrift, LoadBalancer, VirtualService } from "../load-balancer.js";
import { hasChanges, type ServiceChanges, serviceChanges, sidesOf } from "../service-changes.js";
import { differingSysctls, familySettings, type Sysctl, setSysctls } from "../sysctl.js";
import { validateChanges } from "../validation.js";
import {
  planRoutes,
  readRoutes,
  removeRoutes,
  type VirtualRoutes,
  wantedRoutes,
  writeRoutes,
} from "../virtual-routes.js";
import { fwmarkDrift } from "./drift.js";
import {
  type RuleChange,
  type RulesByFamily,
  ruleChanges,
  rulesAreAsWanted,
  rulesCleared,
  rulesRebuilt,
  waysFound,
} from "./family-rules.js";
import { planIpvs } from "./ipvs-plan.js";
import { type KernelIpvs, readIpvs, wantedIpvs } from "./ipvs-state.js";
import { type KernelRules, NO_RULES, rulesOfSave } from "./restore-plan.js";
import { ipvsSettings } from "./settings.js";
import { countWrites, orderedSteps, type Step } from "./steps.js";

/** What a look at the kernel found. */
interface Found {
  readonly routes: VirtualRoutes;
  readonly ipvs: KernelIpvs;
  readonly rules: RulesByFamily;
}

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
    return { changed: known ? this.#change(kernel, changes, known, wanted) : this.#look(kernel, wanted) };
  }

  observe(wanted: readonly VirtualService[]): readonly DestinationDrift[] {
    using kernel = new KernelSockets();
    const found = this.#observe(kernel, wanted);
    const settings = wanted.length > 0 ? settingDrift(differingSysctls(settingsOf(wanted))) : [];
    const services = fwmarkDrift(wanted, {
      ipvs: found.ipvs,
      ways: waysFound(found.rules),
      rulesAsWanted: rulesAreAsWanted(found.rules, wanted),
      routes: found.routes,
    });
    const drifts = [...services, ...settings];
    if (drifts.some(({ state }) => state !== "present")) this.#known = undefined;
    return drifts;
  }

  clear(): void {
    this.#known = undefined;
    using kernel = new KernelSockets();
    const { ipvs, routes, ...found } = this.#observe(kernel, []);
    const rules = { ...found.rules, ip6: this.#readRules(this.balancesIpv6 && kernelHasIpv6() ? "ip6" : undefined) };
    const removal = { remove: [...routes.keys()], write: [] };
    const flows = flowRulesOfLook([], routes.keys(), waysFound(rules).publishedServices.keys());
    this.#carryOut(kernel, orderedSteps(removal, planIpvs(ipvs.services, new Map()), rulesCleared(rules), flows));
  }

  #change(
    kernel: KernelSockets,
    changes: ServiceChanges,
    known: readonly VirtualService[],
    wanted: readonly VirtualService[],
  ): number {
    const { before, after } = sidesOf(changes);
    const steps = orderedSteps(
      planRoutes(wantedRoutes(before), wantedRoutes(after)),
      planIpvs(wantedIpvs(before), wantedIpvs(after)),
      ruleChanges(changes, known, wanted),
      flowRulesOfChanges(changes),
    );
    this.#known = undefined;
    try {
      const settings = hasIpv6(after) ? setSysctls(familySettings(after)) : 0;
      const changed = this.#carryOut(kernel, steps);
      this.#known = wanted;
      return settings + changed;
    } catch (error) {
      // The kernel no longer has what the last apply wrote.
      if (error instanceof LoadBalancerWriteError) return this.#look(kernel, wanted);
      throw error;
    }
  }

  #look(kernel: KernelSockets, wanted: readonly VirtualService[]): number {
    this.#known = undefined;
    const settings = setSysctls(settingsOf(wanted));
    const { routes, ipvs, rules } = this.#observe(kernel, wanted);
    const steps = orderedSteps(
      planRoutes(routes, wantedRoutes(wanted)),
      planIpvs(ipvs.services, wantedIpvs(wanted)),
      rulesRebuilt(rules, wanted),
      flowRulesOfLook(wanted, routes.keys(), waysFound(rules).publishedServices.keys()),
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
      else if (step.kind === "restore-rules") for (const change of step.changes) this.#restore(change);
      else if (step.kind === "end-flows") ended += endStaleFlows(step.rules, kernel);
      else if (step.kind === "write-routes") refusals.push(...writeRoutes(kernel.route, step.routes));
      else refusals.push(...write(kernel.ipvs, step.operations));
    }
    if (refusals.length > 0) throw new LoadBalancerWriteError(this.name, refusals);
    return countWrites(steps) + ended;
  }

  /**
   * Asks for the rules of IPv6 only where there may be some: services and routes of IPv6 come before and after them, so that a
   * namespace that never had any costs no further process.
   */
  #observe(kernel: KernelSockets, wanted: readonly VirtualService[]): Found {
    const routes = readRoutes(kernel.route);
    const ipvs = readIpvs(kernel.ipvs);
    const mayHaveIpv6 =
      hasIpv6(wanted) ||
      [...ipvs.services.values()].some(({ key }) => key.family === "ipv6") ||
      [...routes.keys()].some((address) => familyOfAddress(address) === "ip6");
    const ip6 = this.#readRules(this.balancesIpv6 && mayHaveIpv6 ? "ip6" : undefined);
    return { routes, ipvs, rules: { ip: this.#readRules("ip"), ip6 } };
  }

  #readRules(family: Family | undefined): KernelRules {
    return family ? rulesOfSave(parseIptablesSave(saveTables(this.#iptables, family)), family) : NO_RULES;
  }

  #restore({ family, input }: RuleChange): void {
    try {
      restoreTables(this.#iptables, family, input);
    } catch (error) {
      if (!(error instanceof PacketFilterError)) throw error;
      throw new LoadBalancerWriteError(this.name, [error.message], { cause: error });
    }
  }
}

function settingsOf(wanted: readonly VirtualService[]): readonly Sysctl[] {
  return [...familySettings(wanted), ...ipvsSettings(release())];
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
