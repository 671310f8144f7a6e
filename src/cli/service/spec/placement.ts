/** Where tasks may run: constraints, preferences, how many on one node. */
import type { TaskSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { PlacementPreference } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import type { FlagReader } from "../../flag-reader.js";
import { parseWhole } from "../../values/amount.js";
import { parseConstraint, parseSpread } from "../../values/text.js";

type Placement = TaskSpec["placement"];

/** Reads the flags of `service create`; undefined when none was given. @throws UsageError */
export function readPlacement(flags: FlagReader): Placement {
  const constraints = flags.values("--constraint", parseConstraint);
  const spreads = flags.values("--placement-pref", parseSpread);
  const maxReplicas = flags.value("--replicas-max-per-node", parseWhole) ?? 0;
  if (constraints.length + spreads.length + maxReplicas === 0) return undefined;
  return { constraints, preferences: spreads.map(spreadOver), platforms: [], maxReplicas };
}

/** Reads the flags of `service update`. @throws UsageError, also when what is to be removed is not there */
export function readPlacementEdit(flags: FlagReader): (current: Placement) => Placement {
  const add = flags.values("--constraint-add", parseConstraint);
  const remove = flags.values("--constraint-rm", parseConstraint);
  const spreadsToAdd = flags.values("--placement-pref-add", parseSpread);
  const spreadsToRemove = flags.values("--placement-pref-rm", parseSpread);
  const maxReplicas = flags.value("--replicas-max-per-node", parseWhole);
  const asked = add.length + remove.length + spreadsToAdd.length + spreadsToRemove.length;
  return (current) => {
    if (asked === 0 && maxReplicas === undefined) return current;
    return {
      platforms: current?.platforms ?? [],
      constraints: editConstraints(current?.constraints ?? [], add, remove),
      preferences: editSpreads(current?.preferences ?? [], spreadsToAdd, spreadsToRemove),
      maxReplicas: maxReplicas ?? current?.maxReplicas ?? 0,
    };
  };
}

function editConstraints(current: readonly string[], add: readonly string[], remove: readonly string[]): string[] {
  const constraints = new Set(current.map((text) => text.trim().replace(/\s*(==|!=)\s*/, "$1")));
  for (const constraint of remove) {
    if (!constraints.delete(constraint)) {
      throw new UsageError(`--constraint-rm: the service has no constraint ${constraint}`);
    }
  }
  return [...constraints, ...add.filter((constraint) => !constraints.has(constraint))];
}

/** Their order counts: what is added is the finest. */
function editSpreads(
  current: readonly PlacementPreference[],
  add: readonly string[],
  remove: readonly string[],
): PlacementPreference[] {
  const has = (list: readonly PlacementPreference[], descriptor: string) =>
    list.some(({ Preference }) => Preference?.value.spreadDescriptor === descriptor);
  for (const descriptor of remove) {
    if (!has(current, descriptor)) {
      throw new UsageError(`--placement-pref-rm: the service has no preference spread=${descriptor}`);
    }
  }
  const kept = current.filter(({ Preference }) => !remove.includes(Preference?.value.spreadDescriptor ?? ""));
  return [...kept, ...add.filter((descriptor) => !has(kept, descriptor)).map(spreadOver)];
}

function spreadOver(spreadDescriptor: string): PlacementPreference {
  return { Preference: { $case: "spread", value: { spreadDescriptor } } };
}
