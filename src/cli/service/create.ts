import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { CommandError } from "../failure.js";
import type { Action } from "../invocation.js";
import { printChanged } from "../render/changed.js";
import { attachmentsOf, filesOf } from "./attachments.js";
import { readWaitFlags, waitForService } from "./progress/wait.js";
import { completeDraft, draftService } from "./spec/create.js";

/** `tsctl service create` */
export const createService: Action = async (invocation) => {
  const waiting = readWaitFlags(invocation.flags);
  const draft = draftService(invocation.flags, invocation.args, invocation.terminal.env);
  const connection = await invocation.connect();
  const networks = await attachmentsOf(connection, draft.networks, "--network");
  const spec = completeDraft(draft, networks, await filesOf(connection, draft.secrets, draft.configs));
  const { service } = await connection.call(ControlService.createService, { spec });
  if (service === undefined) throw new CommandError("tswarmd accepted the service and did not say its id");
  const name = spec.annotations?.name ?? "";
  printChanged(invocation, [{ id: service.id, name }], "id");
  return waiting.detach ? undefined : waitForService(invocation, connection, { id: service.id, name }, waiting);
};
