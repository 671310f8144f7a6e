/** Load balancing by nf_tables: a table for each family per namespace, written in one transaction per change. */
import { NftTransactionError } from "../../native-bindings/nftables/errors.js";
import type { NftSocket } from "../../native-bindings/nftables/socket.js";
import { endStaleFlows, listFlows } from "../connection-table.js";
import { settingDrift } from "../drift-parts.js";
import { LoadBalancerWriteError } from "../errors.js";
import { familiesOf, hasIpv6 } from "../family.js";
import { countFlows } from "../flow-counts.js";
import { flowRulesOfChanges, flowRulesOfLook } from "../flows.js";
import { KernelSockets } from "../kernel-sockets.js";
import type { ApplyResult, DestinationDrift, LoadBalancer, VirtualService } from "../load-balancer.js";
import { hasChanges, type ServiceChanges, serviceChanges, sidesOf } from "../service-changes.js";
import { differingSysctls, familySettings, setSysctls } from "../sysctl.js";
import { validateChanges } from "../validation.js";
import { planRoutes, readRoutes, removeRoutes, wantedRoutes, writeRoutes } from "../virtual-routes.js";
import { tableDrift, untouchedDrift } from "./drift.js";
import { type KernelTables, planChange, planClear, planLook, type Shards, shardsAfter } from "./family-tables.js";
import { readTable } from "./kernel-table.js";
import { LAYOUTS } from "./layout.js";
import { countWrites, orderedSteps, type Step } from "./steps.js";
import type { TableChange } from "./table-plan.js";
import { batchOf } from "./transaction.js";

/** What the kernel is known to have, as long as nobody else writes to it. */
interface Known {
  readonly services: readonly VirtualService[];
  /** Of the namespace's ruleset, when it was known. */
  readonly generation: number;
  readonly shards: Shards;
}

export class NftablesLoadBalancer implements LoadBalancer {
  readonly name = "nftables";
  readonly balancesIpv6: boolean;
  #known: Known | undefined;

  constructor({ balancesIpv6 }: Pick<LoadBalancer, "balancesIpv6">) {
    this.balancesIpv6 = balancesIpv6;
  }

  /**
   * Writes what differs from the last apply. The ruleset's generation tells whether anyone wrote to the namespace's nf_tables
   * since; if so, or after a drift that {@link observe} found, it looks at the kernel first.
   * @throws WantedServiceError before anything is written, LoadBalancerWriteError when the kernel refuses
   */
  apply(wanted: readonly VirtualService[]): ApplyResult {
    using kernel = new KernelSockets();
    const known = this.#known;
    if (known && known.generation === kernel.nft.generation()) {
      const changes = serviceChanges(known.services, wanted);
      if (!hasChanges(changes)) {
        this.#known = { ...known, services: wanted };
        return { changed: 0 };
      }
      validateChanges(changes, wanted, this);
      return { changed: this.#change(kernel, known, changes, wanted) };
    }
    validateChanges({ removed: [], added: wanted, changed: [] }, wanted, this);
    return { changed: this.#look(kernel, wanted) };
  }

  observe(wanted: readonly VirtualService[]): readonly DestinationDrift[] {
    using kernel = new KernelSockets();
    const known = this.#known;
    const untouched =
      known?.generation === kernel.nft.generation() && !hasChanges(serviceChanges(known.services, wanted));
    const routes = readRoutes(kernel.route);
    const connections = countFlows(listFlows(familiesOf(wanted), kernel));
    const drifts = untouched
      ? untouchedDrift(wanted, { routes, connections })
      : tableDrift(wanted, { tables: readTables(kernel.nft), routes, connections });
    if (wanted.length > 0) drifts.push(...settingDrift(differingSysctls(familySettings(wanted))));
    if (drifts.some(({ state }) => state !== "present")) this.#known = undefined;
    return drifts;
  }

  clear(): void {
    using kernel = new KernelSockets();
    this.#known = undefined;
    const found = readTables(kernel.nft);
    const routes = readRoutes(kernel.route);
    const removal = { remove: [...routes.keys()], write: [] };
    const flows = flowRulesOfLook([], routes.keys(), found.ip.state.publishedServices.keys());
    this.#carryOut(kernel, orderedSteps(removal, planClear(found), flows));
  }

  /** From what the kernel is known to have. */
  #change(kernel: KernelSockets, known: Known, changes: ServiceChanges, wanted: readonly VirtualService[]): number {
    const { before, after } = sidesOf(changes);
    const tables = planChange(changes, known, wanted);
    const routes = planRoutes(wantedRoutes(before), wantedRoutes(after));
    const steps = orderedSteps(routes, tables, flowRulesOfChanges(changes));
    this.#known = undefined;
    const settings = hasIpv6(after) ? setSysctls(familySettings(after)) : 0;
    let changed: number;
    try {
      changed = this.#carryOut(kernel, steps);
    } catch (error) {
      // Somebody wrote between the look at the generation and the transaction.
      if (error instanceof LoadBalancerWriteError && error.cause instanceof NftTransactionError) {
        return this.#look(kernel, wanted);
      }
      throw error;
    }
    this.#remember(kernel.nft, wanted, known.generation, tables, known.shards);
    return settings + changed;
  }

  /** From what the kernel has. */
  #look(kernel: KernelSockets, wanted: readonly VirtualService[]): number {
    this.#known = undefined;
    const settings = setSysctls(familySettings(wanted));
    const generation = kernel.nft.generation();
    const found = readTables(kernel.nft);
    const routes = readRoutes(kernel.route);
    const tables = planLook(found, wanted);
    const flows = flowRulesOfLook(wanted, routes.keys(), found.ip.state.publishedServices.keys());
    const changed = this.#carryOut(kernel, orderedSteps(planRoutes(routes, wantedRoutes(wanted)), tables, flows));
    this.#remember(kernel.nft, wanted, generation, tables, { ip: found.ip.shards, ip6: found.ip6.shards });
    return settings + changed;
  }

  /**
   * A refused route keeps the steps behind it from nothing; a refused transaction does, since it changes nothing.
   * @returns kernel objects written
   */
  #carryOut(kernel: KernelSockets, steps: readonly Step[]): number {
    const refusals: string[] = [];
    let ended = 0;
    for (const step of steps) {
      if (step.kind === "remove-routes") refusals.push(...removeRoutes(kernel.route, step.addresses));
      else if (step.kind === "commit-tables") commit(kernel.nft, step.tables);
      else if (step.kind === "end-flows") ended += endStaleFlows(step.rules, kernel);
      else refusals.push(...writeRoutes(kernel.route, step.routes));
    }
    if (refusals.length > 0) throw new LoadBalancerWriteError(this.name, refusals);
    return countWrites(steps) + ended;
  }

  /** Only if nobody else committed meanwhile is the kernel known to have what is wanted. */
  #remember(
    nft: NftSocket,
    services: readonly VirtualService[],
    generationBefore: number,
    tables: readonly TableChange[],
    shards: Shards,
  ): void {
    const generation = nft.generation();
    const own = tables.some(({ operations }) => operations.length > 0) ? 1 : 0;
    if (generation !== generationBefore + own) return;
    this.#known = { services, generation, shards: shardsAfter(shards, tables) };
  }
}

function readTables(nft: NftSocket): KernelTables {
  return { ip: readTable(nft, LAYOUTS.ip), ip6: readTable(nft, LAYOUTS.ip6) };
}

function commit(nft: NftSocket, tables: readonly TableChange[]): void {
  try {
    nft.commit(batchOf(tables));
  } catch (error) {
    if (!(error instanceof NftTransactionError)) throw error;
    throw new LoadBalancerWriteError("nftables", [error.message], { cause: error });
  }
}
