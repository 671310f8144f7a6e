/** Resources that only a node's owner knows, as flags name them: `gpu=2`. */
import type { GenericResource } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../../failure.js";
import type { FlagReader } from "../../flag-reader.js";
import { parseWhole } from "../../values/amount.js";
import { splitPair } from "../../values/pair.js";

/** Reads --generic-resource, or --generic-resource-add and -rm. @returns what makes the new list of the old @throws UsageError */
export function readGenericEdit(
  flags: FlagReader,
): (current: readonly GenericResource[]) => readonly GenericResource[] {
  const add = [
    ...flags.values("--generic-resource", parseGeneric),
    ...flags.values("--generic-resource-add", parseGeneric),
  ];
  const remove = flags.values("--generic-resource-rm", parseKind);
  const kinds = new Set<string>();
  for (const kind of add.map(kindOf)) {
    if (kinds.has(kind)) throw new UsageError(`--generic-resource: ${kind} is asked for twice`);
    kinds.add(kind);
  }
  return (current) => {
    for (const kind of remove) {
      if (!current.some((resource) => kindOf(resource) === kind)) {
        throw new UsageError(`--generic-resource-rm: the service reserves no ${kind}`);
      }
    }
    return [...current.filter((one) => !remove.includes(kindOf(one)) && !kinds.has(kindOf(one))), ...add];
  };
}

export function kindOf({ resource }: GenericResource): string {
  return resource?.value.kind ?? "";
}

/** `gpu=2`, or `gpu=GPU-1` for a named one. */
export function genericText({ resource }: GenericResource): string {
  return resource ? `${resource.value.kind}=${resource.value.value}` : "";
}

function parseGeneric(text: string, flag: string): GenericResource {
  const [kind, count] = splitPair(text);
  if (!isKind(kind) || count === undefined) {
    throw new UsageError(`${flag}: "${text}" is not a resource: write KIND=NUMBER, such as gpu=2`);
  }
  return { resource: { $case: "discreteResourceSpec", value: { kind, value: parseWhole(count, flag, 1) } } };
}

/** `gpu`, or `gpu=2` as it was added. */
function parseKind(text: string, flag: string): string {
  const [kind] = splitPair(text);
  if (!isKind(kind)) throw new UsageError(`${flag}: "${text}" is not a resource: write its kind, such as gpu`);
  return kind;
}

function isKind(text: string): boolean {
  return /^[^\s=,]+$/.test(text);
}
