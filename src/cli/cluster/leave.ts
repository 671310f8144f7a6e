import { LocalManagerService } from "../../api/generated/tswarm/v1/manager.js";
import type { Action } from "../invocation.js";
import { localManager } from "../local-manager.js";
import { printJson } from "../render/list.js";

/** `tsctl cluster leave` */
export const leaveManagers: Action = async (invocation) => {
  const connection = await invocation.connect();
  const nodeId = (await localManager(connection))?.nodeId ?? "";
  await connection.call(LocalManagerService.leaveManagers, { force: invocation.flags.force === true });
  if (invocation.settings.format === "json") printJson(invocation, { nodeId });
  else {
    invocation.terminal.write(
      'Node left the managers of the swarm; it stays as a worker. "tswarmd leave" on its host ends that too.\n',
    );
  }
  return undefined;
};
