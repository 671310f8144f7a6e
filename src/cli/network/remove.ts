import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { ExitCode } from "../failure.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findNetwork, networkName } from "../objects.js";
import { printChanged } from "../render/changed.js";

/** `tsctl network rm NETWORK…` */
export const removeNetworks: Action = async (invocation) => {
  const connection = await invocation.connect();
  const removed: { id: string; name: string }[] = [];
  const failed = await forEachArgument(invocation, async (argument) => {
    const network = await findNetwork(connection, argument);
    await connection.call(ControlService.removeNetwork, { name: "", networkId: network.id });
    removed.push({ id: network.id, name: networkName(network) });
  });
  printChanged(invocation, removed, "name");
  return failed ? ExitCode.failure : ExitCode.success;
};
