/** The mark rules of both families: those of IPv4 always stand, those of IPv6 while there are services of it. Pure. */
import { FAMILIES, type Family, ofFamily, stands } from "../family.js";
import type { VirtualService } from "../load-balancer.js";
import { type ServiceChanges, sidesOf } from "../service-changes.js";
import { joinWays, type Ways, wantedWays } from "../ways.js";
import { waysOfRules } from "./mark-rules.js";
import {
  changeInput,
  clearInput,
  isAsWanted,
  type KernelRules,
  NO_RULES,
  rebuildInput,
  takeDownInput,
} from "./restore-plan.js";

/** What is given to the `iptables-restore` of one family; empty: nothing. */
export interface RuleChange {
  readonly family: Family;
  readonly input: string;
}

export type RulesByFamily = Readonly<Record<Family, KernelRules>>;

/** From what the last apply wrote for `known`. */
export function ruleChanges(
  changes: ServiceChanges,
  known: readonly VirtualService[],
  wanted: readonly VirtualService[],
): RuleChange[] {
  const { before, after } = sidesOf(changes);
  return FAMILIES.map((family) => {
    const [old, now] = [ofFamily(before, family), ofFamily(after, family)];
    if (old.length + now.length === 0) return { family, input: "" };
    const [had, has] = [stands(family, known), stands(family, wanted)];
    const ways = wantedWays(now);
    if (!has) return { family, input: had ? takeDownInput(family) : "" };
    return { family, input: had ? changeInput(wantedWays(old), ways, family) : rebuildInput(NO_RULES, ways, family) };
  });
}

/** From what the kernel has. */
export function rulesRebuilt(found: RulesByFamily, wanted: readonly VirtualService[]): RuleChange[] {
  return FAMILIES.map((family) => {
    if (!stands(family, wanted)) return { family, input: clearInput(found[family]) };
    return { family, input: rebuildInput(found[family], wantedWays(ofFamily(wanted, family)), family) };
  });
}

export function rulesCleared(found: RulesByFamily): RuleChange[] {
  return FAMILIES.map((family) => ({ family, input: clearInput(found[family]) }));
}

export function rulesAreAsWanted(found: RulesByFamily, wanted: readonly VirtualService[]): boolean {
  return FAMILIES.every((family) =>
    stands(family, wanted)
      ? isAsWanted(found[family], wantedWays(ofFamily(wanted, family)), family)
      : clearInput(found[family]) === "",
  );
}

export function waysFound(found: RulesByFamily): Ways {
  return joinWays(waysOfRules(found.ip.chains), waysOfRules(found.ip6.chains));
}
