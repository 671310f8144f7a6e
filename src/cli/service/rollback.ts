import type { Action } from "../invocation.js";
import { findService, serviceName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { rollBackService } from "./change.js";
import { readWaitFlags, waitForService } from "./progress/wait.js";

/** `tsctl service rollback SERVICE` */
export const rollBackServiceCommand: Action = async (invocation) => {
  const [name = ""] = invocation.args;
  const waiting = readWaitFlags(invocation.flags);
  const connection = await invocation.connect();
  const service = await findService(connection, name);
  await rollBackService(connection, service);
  const changed = { id: service.id, name: serviceName(service) };
  printChanged(invocation, [changed], "name");
  if (waiting.detach) return undefined;
  return waitForService(invocation, connection, { ...changed, rollbackWanted: true }, waiting);
};
