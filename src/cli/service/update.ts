import { UsageError } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { findNetwork, findService, serviceName } from "../objects.js";
import { printChanged } from "../render/changed.js";
import { attachmentsOf, filesOf } from "./attachments.js";
import { changeService, rollBackService } from "./change.js";
import { readWaitFlags, waitForService } from "./progress/wait.js";
import { asksForChange, readServiceUpdate } from "./spec/update.js";

/** `tsctl service update SERVICE` */
export const updateService: Action = async (invocation) => {
  const [name = "", ...command] = invocation.args;
  const waiting = readWaitFlags(invocation.flags);
  const rollback = new FlagReader(invocation.flags).isSet("--rollback");
  const isChange = asksForChange(invocation.flags, command);
  if (rollback && isChange)
    throw new UsageError("--rollback: it takes the specification of before, no other change goes with it");
  if (!rollback && !isChange) throw new UsageError("nothing to change: give at least one flag or a command after --");
  const update = readServiceUpdate(invocation.flags, command, invocation.terminal.env);
  const connection = await invocation.connect();
  const service = await findService(connection, name);
  if (rollback) {
    await rollBackService(connection, service);
  } else {
    const added = await attachmentsOf(connection, update.networksToAdd, "--network-add");
    const removed = await Promise.all(update.networksToRemove.map((network) => findNetwork(connection, network)));
    const removedIds = removed.map(({ id }) => id);
    const files = await filesOf(connection, update.secretsToAdd, update.configsToAdd);
    await changeService(connection, service, (spec) => update.apply(spec, added, removedIds, files));
  }
  const changed = { id: service.id, name: serviceName(service) };
  printChanged(invocation, [changed], "name");
  if (waiting.detach) return undefined;
  return waitForService(invocation, connection, { ...changed, rollbackWanted: rollback }, waiting);
};
