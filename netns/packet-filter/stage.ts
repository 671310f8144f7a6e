/**
 * Where each rule goes. Rules of one hook are tried in stages, whatever their order in the list; within a stage the list's order
 * holds: marks (after connection tracking, before any address is rewritten), then address translation, then filtering; in prerouting
 * and postrouting filtering comes right behind the marks, because no later place exists there in both back-ends.
 */
import type { PacketAction, PacketHook, PacketRule } from "./rules.js";

export type Stage = "mark" | "nat" | "filter";

export interface StagePlace {
  readonly stage: Stage;
  readonly hook: PacketHook;
  /** Priority of the nf_tables base chain. */
  readonly priority: number;
  /** `route`: a packet whose mark the chain changes is routed anew. */
  readonly chainType: "filter" | "nat" | "route";
  /** Table of iptables with a built-in chain at this hook and priority. */
  readonly iptablesTable: "mangle" | "nat" | "filter";
}

const MANGLE = -150;

function place(
  stage: Stage,
  hook: PacketHook,
  priority: number,
  chainType: StagePlace["chainType"],
  iptablesTable: StagePlace["iptablesTable"],
): StagePlace {
  return { stage, hook, priority, chainType, iptablesTable };
}

/** Every place, in the order in which a packet meets them at its hook. */
export const STAGE_PLACES: readonly StagePlace[] = [
  place("mark", "prerouting", MANGLE, "filter", "mangle"),
  place("mark", "input", MANGLE, "filter", "mangle"),
  place("mark", "output", MANGLE, "route", "mangle"),
  place("filter", "prerouting", MANGLE + 1, "filter", "mangle"),
  place("filter", "postrouting", MANGLE + 1, "filter", "mangle"),
  place("nat", "prerouting", -100, "nat", "nat"),
  place("nat", "output", -100, "nat", "nat"),
  place("nat", "postrouting", 100, "nat", "nat"),
  place("filter", "input", 0, "filter", "filter"),
  place("filter", "forward", 0, "filter", "filter"),
  place("filter", "output", 0, "filter", "filter"),
];

const STAGES: Readonly<Record<PacketAction["kind"], Stage>> = {
  mark: "mark",
  "connection-mark": "mark",
  "restore-mark": "mark",
  dnat: "nat",
  redirect: "nat",
  masquerade: "nat",
  snat: "nat",
  reject: "filter",
  drop: "filter",
  accept: "filter",
};

/** The rule's place; undefined when its hook has none for its action. */
export function stagePlaceOf(rule: PacketRule): StagePlace | undefined {
  const stage = STAGES[rule.action.kind];
  return STAGE_PLACES.find((candidate) => candidate.stage === stage && candidate.hook === rule.hook);
}
