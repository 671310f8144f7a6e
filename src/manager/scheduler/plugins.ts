/** Drivers that a task needs on its node, and whether the node's engine has them. */
import type { Node, Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { Mount_Type as MountType, type PluginDescription } from "../../api/generated/docker/swarmkit/v1/types.js";

export interface NeededPlugin {
  readonly type: "Volume" | "Network" | "Log" | "Runtime";
  readonly name: string;
}

/** Every node has it. */
const LOCAL_VOLUMES = "local";
/** Docker's own kind of generic task; its nodes do not list runtimes. */
const PLUGIN_RUNTIME = "plugin";

/** Volume drivers other than the local one, drivers of the task's networks, the log driver, and what runs the task. */
export function neededPlugins(task: Task): readonly NeededPlugin[] {
  const { runtime, logDriver } = task.spec ?? {};
  const needed: NeededPlugin[] = [];
  if (runtime?.$case === "container") {
    for (const { type, volumeOptions } of runtime.value.mounts) {
      const name = volumeOptions?.driverConfig?.name ?? "";
      if (type === MountType.VOLUME && name !== "" && name !== LOCAL_VOLUMES) needed.push({ type: "Volume", name });
    }
    needed.push({ type: "Runtime", name: "container" });
  } else if (runtime?.$case === "generic" && runtime.value.kind !== "") {
    needed.push({ type: "Runtime", name: runtime.value.kind });
  }
  for (const { network } of task.networks) {
    const name = network?.driverState?.name ?? "";
    if (name !== "") needed.push({ type: "Network", name });
  }
  const log = logDriver?.name ?? "";
  if (log !== "" && log !== "none") needed.push({ type: "Log", name: log });
  return needed;
}

/**
 * A node that says nothing of an engine has no plugins to miss. One that lists no log drivers, or no runtimes, is of a kind
 * that does not list them; but Docker's nodes are known to run no generic tasks other than plugins.
 */
export function hasPlugins(needed: readonly NeededPlugin[], node: Node): boolean {
  const engine = node.description?.engine;
  return !engine || needed.every((plugin) => hasPlugin(plugin, engine.plugins));
}

function hasPlugin({ type, name }: NeededPlugin, plugins: readonly PluginDescription[]): boolean {
  let isListed = false;
  for (const plugin of plugins) {
    if (plugin.type !== type) continue;
    isListed = true;
    if (plugin.name === name || plugin.name === `${name}:latest`) return true;
  }
  if (isListed) return false;
  if (type === "Log") return true;
  return type === "Runtime" && (name === "container" || name === PLUGIN_RUNTIME || plugins.length === 0);
}
