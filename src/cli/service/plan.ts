import { PlannerService, type PlanUpdateResponse } from "../../api/generated/tswarm/v1/planner.js";
import { CommandError } from "../failure.js";
import type { Action } from "../invocation.js";
import { type NameOf, namesOf } from "../names.js";
import { findNetwork, findService, serviceName } from "../objects.js";
import { printJson } from "../render/list.js";
import { renderTable } from "../render/table.js";
import { attachmentsOf, filesOf } from "./attachments.js";
import { updateText } from "./describe.js";
import { readServiceUpdate } from "./spec/update.js";

/** `tsctl service plan SERVICE` */
export const planService: Action = async (invocation) => {
  const [name = "", ...command] = invocation.args;
  const update = readServiceUpdate(invocation.flags, command, invocation.terminal.env);
  const connection = await invocation.connect();
  const service = await findService(connection, name);
  if (service.spec === undefined) throw new CommandError(`service ${service.id} has no specification to change`);
  const added = await attachmentsOf(connection, update.networksToAdd, "--network-add");
  const removed = await Promise.all(update.networksToRemove.map((network) => findNetwork(connection, network)));
  const spec = update.apply(
    service.spec,
    added,
    removed.map(({ id }) => id),
    await filesOf(connection, update.secretsToAdd, update.configsToAdd),
  );
  const plan = await connection.call(PlannerService.planUpdate, { serviceId: service.id, spec });
  const nodeOf = await namesOf(
    invocation,
    connection,
    "node",
    plan.nodes.map(({ nodeId }) => nodeId),
  );
  if (invocation.settings.format === "json") printJson(invocation, planJson(plan, nodeOf));
  else invocation.terminal.write(planText(serviceName(service), plan, updateText(spec.update), nodeOf));
  return undefined;
};

function planJson({ replaced, kept, removed, nodes, unplaced, reason }: PlanUpdateResponse, nodeOf: NameOf) {
  const places = nodes.map(({ nodeId, tasks }) => ({ nodeId, node: nodeOf(nodeId), tasks }));
  return { replaced, kept, removed, nodes: places, unplaced, reason };
}

/** @param policy how updates go; empty when the cluster's defaults hold */
function planText(name: string, plan: PlanUpdateResponse, policy: string, nodeOf: NameOf): string {
  const { replaced, kept, removed, nodes, unplaced, reason } = plan;
  const how = replaced > 0 && policy !== "" ? ` (${policy})` : "";
  let text = `${name}: ${kept} stay, ${replaced} replaced${how}, ${removed} removed\n`;
  if (nodes.length > 0) {
    const columns = [
      { title: "NODE", value: ({ nodeId }: { nodeId: string }) => nodeOf(nodeId) },
      { title: "NEW TASKS", value: ({ tasks }: { tasks: number }) => String(tasks) },
    ];
    text += renderTable(columns, nodes);
  }
  return unplaced > 0 ? `${text}${unplaced} without a place: ${reason}\n` : text;
}
