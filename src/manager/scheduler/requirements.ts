/** What a task asks of its node, read once for all tasks that ask for the same. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { Platform } from "../../api/generated/docker/swarmkit/v1/types.js";
import { type Constraint, ConstraintError, parseConstraints } from "./constraint.js";
import { type Demand, demandOf } from "./demand.js";
import { type GenericAmounts, genericAmounts } from "./generic-resources.js";
import { needsIpv6 } from "./ipv6.js";
import { type NeededPlugin, neededPlugins } from "./plugins.js";
import { type SpreadLabel, spreadLabels } from "./spread-label.js";
import { type Strategy, strategyOf } from "./strategy.js";

export interface Requirements {
  /** Equal for equal requirements, also of different services. */
  readonly key: string;
  readonly demand: Demand;
  readonly generic: GenericAmounts;
  /** Undefined when one of them cannot be read: no node fits then. */
  readonly constraints: readonly Constraint[] | undefined;
  readonly platforms: readonly Platform[];
  readonly plugins: readonly NeededPlugin[];
  /** It has addresses of IPv6. */
  readonly needsIpv6: boolean;
  readonly spread: readonly SpreadLabel[];
  readonly strategy: Strategy;
}

/** Of tasks that ask for nothing but plugins, as most do: one for all of a kind. */
const plain = new Map<string, Requirements>();
const MOST_PLAIN = 1000;

/** @param clusterDefault where the service says no strategy */
export function requirementsOf(task: Task, clusterDefault: Strategy): Requirements {
  const { placement, resources } = task.spec ?? {};
  const demand = demandOf(task);
  const generic = genericAmounts(resources?.reservations);
  const constraints = readConstraints(placement?.constraints ?? []);
  const platforms = placement?.platforms ?? [];
  const plugins = neededPlugins(task);
  const isIpv6 = needsIpv6(task);
  const spread = spreadLabels(placement?.preferences ?? []);
  const strategy = strategyOf(task.serviceAnnotations, clusterDefault);
  const asksForMore =
    demand.nanoCpus !== 0 ||
    demand.memoryBytes !== 0 ||
    demand.hostPorts.length + generic.size > 0 ||
    !constraints ||
    isIpv6;
  if (!asksForMore && constraints.length + platforms.length + spread.length === 0) {
    const key = plugins.length === 0 ? strategy : `${strategy} ${JSON.stringify(plugins)}`;
    return (
      plain.get(key) ??
      remember({ key, demand, generic, constraints, platforms, plugins, needsIpv6: false, spread, strategy })
    );
  }
  const wanted = [...generic].map(([kind, { count, values }]) => [kind, count, values]);
  const key = JSON.stringify([demand, wanted, constraints ?? null, platforms, plugins, isIpv6, spread, strategy]);
  return { key, demand, generic, constraints, platforms, plugins, needsIpv6: isIpv6, spread, strategy };
}

function remember(requirements: Requirements): Requirements {
  if (plain.size >= MOST_PLAIN) plain.clear();
  plain.set(requirements.key, requirements);
  return requirements;
}

/** The API refuses what cannot be read; a log from elsewhere may hold it all the same. */
function readConstraints(expressions: readonly string[]): readonly Constraint[] | undefined {
  try {
    return parseConstraints(expressions);
  } catch (error) {
    if (error instanceof ConstraintError) return undefined;
    throw error;
  }
}
