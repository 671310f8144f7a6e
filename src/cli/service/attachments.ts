import type { NetworkAttachmentConfig } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Connection } from "../connection.js";
import { UsageError } from "../failure.js";
import { findNetwork, networkName } from "../objects.js";
import type { NetworkFlag } from "../values/network-attachment.js";

/** Looks up the networks that flags name. @throws CommandError when one is unknown, UsageError when one is named twice */
export async function attachmentsOf(
  connection: Connection,
  networks: readonly NetworkFlag[],
  flag: string,
): Promise<NetworkAttachmentConfig[]> {
  const found = await Promise.all(networks.map(({ network }) => findNetwork(connection, network)));
  const seen = new Set<string>();
  return found.map((network, at) => {
    if (seen.has(network.id)) throw new UsageError(`${flag}: network ${networkName(network)} is named twice`);
    seen.add(network.id);
    return { target: network.id, aliases: networks[at]!.aliases, addresses: [], driverAttachmentOpts: {} };
  });
}
