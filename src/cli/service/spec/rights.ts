/** Capabilities and limits of what a task runs. */
import type { ContainerSpec_Ulimit as Ulimit } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import { capabilityName, ULIMITS } from "../../../api/process-rules.js";
import { UsageError } from "../../failure.js";
import type { FlagReader } from "../../flag-reader.js";
import { oneOf } from "../../values/amount.js";
import { splitPair } from "../../values/pair.js";

export interface Rights {
  readonly capabilityAdd: readonly string[];
  readonly capabilityDrop: readonly string[];
  readonly ulimits: readonly Ulimit[];
}

export interface RightsEdit {
  readonly capabilityAdd: readonly string[];
  readonly capabilityDrop: readonly string[];
  readonly ulimits: { readonly add: readonly Ulimit[]; readonly remove: readonly string[] };
}

/** Reads --cap-add, --cap-drop and --ulimit, or --ulimit-add and --ulimit-rm. @throws UsageError */
export function readRightsEdit(flags: FlagReader): RightsEdit {
  const capabilityAdd = flags.values("--cap-add", parseCapability);
  const capabilityDrop = flags.values("--cap-drop", parseCapability);
  const both = capabilityAdd.find((name) => capabilityDrop.includes(name));
  if (both !== undefined) throw new UsageError(`--cap-add: ${both} is to be dropped too: leave one of them out`);
  const add = [...flags.values("--ulimit", parseUlimit), ...flags.values("--ulimit-add", parseUlimit)];
  const twice = add.find(({ name }, at) => add.findIndex((other) => other.name === name) < at);
  if (twice) throw new UsageError(`--ulimit: ${twice.name} is given twice`);
  return { capabilityAdd, capabilityDrop, ulimits: { add, remove: flags.values("--ulimit-rm", oneOf(...ULIMITS)) } };
}

/** What is added is dropped no more, and the other way round. @throws UsageError when what is to be removed is not there */
export function editRights(current: Rights, { capabilityAdd, capabilityDrop, ulimits }: RightsEdit): Rights {
  const change = (list: readonly string[], add: readonly string[], remove: readonly string[]) => [
    ...list.filter((name) => !remove.includes(name) && !add.includes(name)),
    ...add,
  ];
  for (const name of ulimits.remove) {
    if (!current.ulimits.some((one) => one.name === name)) {
      throw new UsageError(`--ulimit-rm: the service has no limit ${name}`);
    }
  }
  const isGone = ({ name }: Ulimit) => ulimits.remove.includes(name) || ulimits.add.some((one) => one.name === name);
  return {
    capabilityAdd: change(current.capabilityAdd, capabilityAdd, capabilityDrop),
    capabilityDrop: change(current.capabilityDrop, capabilityDrop, capabilityAdd),
    ulimits: [...current.ulimits.filter((one) => !isGone(one)), ...ulimits.add],
  };
}

export function ulimitText({ name, soft, hard }: Ulimit): string {
  return `${name}=${soft}:${hard}`;
}

function parseCapability(text: string, flag: string): string {
  const name = capabilityName(text);
  if (!name) throw new UsageError(`${flag}: "${text}" is not a capability: write one such as NET_ADMIN, or ALL`);
  return name;
}

/** Reads `nofile=1024` or `nofile=1024:2048`, -1 for no limit. */
function parseUlimit(text: string, flag: string): Ulimit {
  const [name, value = ""] = splitPair(text);
  const [soft = "", hard = soft, ...rest] = value.split(":");
  if (!ULIMITS.includes(name)) throw new UsageError(`${flag}: "${name}" is not one of ${ULIMITS.join(", ")}`);
  const isNumber = (part: string) => /^(?:-1|\d{1,15})$/.test(part);
  if (rest.length > 0 || !isNumber(soft) || !isNumber(hard)) {
    throw new UsageError(`${flag}: "${text}" is not a limit: write NAME=SOFT or NAME=SOFT:HARD, -1 for no limit`);
  }
  const rank = (part: string) => (part === "-1" ? Number.POSITIVE_INFINITY : Number(part));
  if (rank(soft) > rank(hard)) throw new UsageError(`${flag}: "${text}": the soft limit is above the hard one`);
  return { name, soft: Number(soft), hard: Number(hard) };
}
