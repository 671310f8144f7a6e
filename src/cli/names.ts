import type { Connection } from "./connection.js";
import type { Invocation } from "./invocation.js";
import { listNetworks, listNodes, listServices, networkName, nodeName, serviceName } from "./objects.js";

/** Turns ids of other objects into their names; an id without a known name stays as it is. */
export type NameOf = (id: string) => string;

const LISTS = {
  node: async (connection: Connection) =>
    (await listNodes(connection)).map((node) => [node.id, nodeName(node)] as const),
  service: async (connection: Connection) =>
    (await listServices(connection)).map((service) => [service.id, serviceName(service)] as const),
  network: async (connection: Connection) =>
    (await listNetworks(connection)).map((network) => [network.id, networkName(network)] as const),
};

/** Names of all objects of a kind; ids themselves, without asking, when --no-resolve was given or no id is asked for. */
export async function namesOf(
  invocation: Invocation,
  connection: Connection,
  kind: keyof typeof LISTS,
  ids: Iterable<string>,
): Promise<NameOf> {
  const wanted = new Set([...ids].filter((id) => id !== ""));
  if (!invocation.settings.resolveNames || wanted.size === 0) return (id) => id;
  const names = new Map(await LISTS[kind](connection));
  return (id) => names.get(id) || id;
}
