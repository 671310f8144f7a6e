import type { NodeSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { ExitCode, UsageError } from "../failure.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findNode, nodeName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { parseAvailability } from "../swarm/availability.js";
import { oneOf } from "../values/amount.js";
import { parseLabels } from "../values/pair.js";
import { changeNode } from "./change.js";

const ROLES = { manager: NodeRole.MANAGER, worker: NodeRole.WORKER } as const;

/** `tsctl node update NODE…` */
export const updateNodeCommand: Action = async (invocation) => {
  const change = readChange(invocation.flags);
  const connection = await invocation.connect();
  const changed: { id: string; name: string }[] = [];
  const failed = await forEachArgument(invocation, async (argument) => {
    const node = await findNode(connection, argument);
    await changeNode(connection, node, change);
    changed.push({ id: node.id, name: nodeName(node) });
  });
  printChanged(invocation, changed, "name");
  return failed ? ExitCode.failure : ExitCode.success;
};

/** @throws UsageError */
function readChange(values: Readonly<Record<string, unknown>>): (spec: NodeSpec) => NodeSpec {
  const flags = new FlagReader(values);
  const availability = flags.value("--availability", parseAvailability);
  const role = flags.value("--role", oneOf("manager", "worker"));
  const added = parseLabels(flags.texts("--label-add"), "--label-add");
  const removed = flags.values("--label-rm", nonEmpty);
  if (availability === undefined && !role && Object.keys(added).length === 0 && removed.length === 0)
    throw new UsageError("nothing to change: give --availability, --role, --label-add or --label-rm");
  return (spec) => {
    const { name = "", indices = [], labels = {} } = spec.annotations ?? {};
    const kept = Object.entries(labels).filter(([key]) => !removed.includes(key));
    const missing = removed.find((key) => !Object.hasOwn(labels, key));
    if (missing !== undefined) throw new UsageError(`--label-rm: the node has no label ${missing}`);
    return {
      ...spec,
      annotations: { name, indices, labels: { ...Object.fromEntries(kept), ...added } },
      ...(availability === undefined ? {} : { availability }),
      ...(role ? { desiredRole: ROLES[role] } : {}),
    };
  };
}
