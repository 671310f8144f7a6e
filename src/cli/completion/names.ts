import type { Connection } from "../connection.js";
import type { Action } from "../invocation.js";
import {
  listConfigs,
  listNetworks,
  listNodes,
  listSecrets,
  listServices,
  listTasks,
  networkName,
  nodeName,
  serviceName,
  taskName,
} from "../objects.js";
import { payloadName } from "../payload/kind.js";
import { printJson } from "../render/list.js";
import { visible } from "../render/table.js";
import { oneOf } from "../values/amount.js";
import { NAMED_KINDS, type NamedKind } from "./model.js";

const NAMES: Readonly<Record<NamedKind, (connection: Connection) => Promise<readonly string[]>>> = {
  node: async (connection) => (await listNodes(connection)).map((node) => nodeName(node) || node.id),
  service: async (connection) => (await listServices(connection)).map(serviceName),
  network: async (connection) => (await listNetworks(connection)).map(networkName),
  secret: async (connection) => (await listSecrets(connection)).map(payloadName),
  config: async (connection) => (await listConfigs(connection)).map(payloadName),
  task: async (connection) => (await listTasks(connection)).map(taskName),
};

/** `tsctl completion names KIND`: one a line, what shells offer while somebody types. */
export const printNames: Action = async (invocation) => {
  const kind = oneOf(...NAMED_KINDS)(invocation.args[0]!, "KIND");
  const names = [...new Set(await NAMES[kind](await invocation.connect()))].filter((name) => name !== "").sort();
  if (invocation.settings.format === "json") printJson(invocation, names);
  else invocation.terminal.write(names.map((name) => `${visible(name)}\n`).join(""));
  return undefined;
};
