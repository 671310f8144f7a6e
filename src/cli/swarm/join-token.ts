import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { changeCluster } from "../cluster/change.js";
import type { Connection } from "../connection.js";
import { CommandError, UsageError } from "../failure.js";
import type { Action } from "../invocation.js";
import { localManager } from "../local-manager.js";
import { listNodes, theCluster } from "../objects.js";
import { printJson } from "../render/list.js";
import { oneOf } from "../values/amount.js";
import { joinAdvice } from "./join-advice.js";

/** `tsctl join-token worker|manager` */
export const joinToken: Action = async (invocation) => {
  const { flags, settings, terminal, args } = invocation;
  const role = oneOf("worker", "manager")(args[0]!, "ROLE");
  const isQuiet = flags.quiet === true;
  const asJson = settings.format === "json";
  if (isQuiet && asJson) throw new UsageError("--quiet prints the bare token: leave out --format json");
  const connection = await invocation.connect();
  const cluster = flags.rotate === true ? await rotate(connection, role) : await theCluster(connection);
  if (flags.rotate === true && !isQuiet && !asJson) terminal.write(`Successfully rotated ${role} join token.\n\n`);
  const token = cluster.rootCa?.joinTokens?.[role];
  if (!token) throw new CommandError("the cluster has no join tokens");
  if (isQuiet) {
    terminal.write(`${token}\n`);
    return undefined;
  }
  const managerAddr = await managerAddress(connection);
  if (asJson) printJson(invocation, { role, token, managerAddr });
  else terminal.write(joinAdvice(role, token, managerAddr));
  return undefined;
};

async function rotate(connection: Connection, role: "worker" | "manager"): Promise<Cluster> {
  const rotation = role === "worker" ? { workerJoinToken: true } : { managerJoinToken: true };
  return (await changeCluster(connection, (spec) => spec, rotation)).after;
}

/** Where others join: at the manager that answers, else at the one that leads. @throws CommandError */
async function managerAddress(connection: Connection): Promise<string> {
  const [nodes, local] = await Promise.all([listNodes(connection), localManager(connection)]);
  const managers = nodes.filter(({ managerStatus }) => managerStatus?.addr);
  const chosen = managers.find(({ id }) => id === local?.nodeId) ?? managers.find((node) => node.managerStatus?.leader);
  if (!chosen) throw new CommandError("no manager of the cluster says where it can be reached");
  return chosen.managerStatus!.addr;
}
