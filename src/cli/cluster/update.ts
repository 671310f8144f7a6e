import { UsageError } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { clusterName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { type ClusterSettings, isEmpty, readClusterSettings, withSettings } from "../swarm/cluster-settings.js";
import { oneOf } from "../values/amount.js";
import { changeCluster } from "./change.js";
import { hasAutolock } from "./list.js";
import { fetchUnlockKey, unlockAdvice } from "./unlock-key.js";

/** `tsctl update` */
export const updateCluster: Action = async (invocation) => {
  const settings = readSettings(invocation.flags);
  const connection = await invocation.connect();
  const { before, after } = await changeCluster(connection, (spec) => withSettings(spec, settings));
  if (invocation.settings.format === "json") {
    printChanged(invocation, [{ id: before.id, name: clusterName(before) }], "name");
    return undefined;
  }
  invocation.terminal.write("Swarm updated.\n");
  if (settings.autolock && !hasAutolock(before))
    invocation.terminal.write(unlockAdvice(await fetchUnlockKey(connection, after.meta?.version?.index)));
  return undefined;
};

/** @throws UsageError */
function readSettings(values: Readonly<Record<string, unknown>>): ClusterSettings {
  const flags = new FlagReader(values);
  // The flag alone means on.
  const autolock = flags.value("--autolock", oneOf("true", "false"));
  const settings = { ...readClusterSettings(flags), ...(autolock ? { autolock: autolock === "true" } : {}) };
  if (isEmpty(settings)) throw new UsageError("nothing to change: give at least one setting");
  return settings;
}
