import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { ExitCode } from "../failure.js";
import { forEachArgument } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findService, serviceName } from "../objects.js";
import { printChanged } from "../render/changed.js";

/** `tsctl service rm SERVICE…` */
export const removeServices: Action = async (invocation) => {
  const connection = await invocation.connect();
  const removed: { id: string; name: string }[] = [];
  const failed = await forEachArgument(invocation, async (argument) => {
    const service = await findService(connection, argument);
    await connection.call(ControlService.removeService, { serviceId: service.id });
    removed.push({ id: service.id, name: serviceName(service) });
  });
  printChanged(invocation, removed, "name");
  return failed ? ExitCode.failure : ExitCode.success;
};
