import type { NetworkAttachmentConfig } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Connection } from "../connection.js";
import { UsageError } from "../failure.js";
import { findNetwork, findPayload, networkName } from "../objects.js";
import type { NetworkFlag } from "../values/network-attachment.js";
import { type FileFlag, type Files, fileTarget } from "./spec/files.js";

/** Looks up the secrets and configs that flags name. @throws CommandError when one is unknown */
export async function filesOf(
  connection: Connection,
  secrets: readonly FileFlag[],
  configs: readonly FileFlag[],
): Promise<Files> {
  const found = (kind: "secret" | "config", flags: readonly FileFlag[]) =>
    Promise.all(
      flags.map(async (flag) => {
        const { id, spec } = await findPayload(connection, kind, flag.source);
        const name = spec?.annotations?.name ?? "";
        return { id, name, target: fileTarget(flag, name) };
      }),
    );
  return {
    secrets: (await found("secret", secrets)).map(({ id, name, target }) => ({
      secretId: id,
      secretName: name,
      target,
    })),
    configs: (await found("config", configs)).map(({ id, name, target }) => ({
      configId: id,
      configName: name,
      target,
    })),
  };
}

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
