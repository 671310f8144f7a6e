/** Secrets and configs alike: both are named bytes, of which tsctl shows those of configs alone. */
import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import type { Config, Secret } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ConfigSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import type { Connection } from "../connection.js";
import { listConfigs, listSecrets, type PayloadFilters } from "../objects.js";

export type Payload = Pick<Secret, "id" | "meta" | "spec"> | Pick<Config, "id" | "meta" | "spec">;

/** How the cluster is asked for one kind. */
export interface PayloadKind {
  readonly name: "secret" | "config";
  /** The cluster takes less. */
  readonly maxBytes: number;
  list(connection: Connection, filters?: Partial<PayloadFilters>): Promise<readonly Payload[]>;
  create(connection: Connection, spec: ConfigSpec): Promise<Payload | undefined>;
  remove(connection: Connection, id: string): Promise<unknown>;
}

export const SECRET: PayloadKind = {
  name: "secret",
  maxBytes: 500 * 1024,
  list: listSecrets,
  create: async (connection, spec) =>
    (await connection.call(ControlService.createSecret, { spec: { ...spec, driver: undefined } })).secret,
  remove: (connection, secretId) => connection.call(ControlService.removeSecret, { secretId }),
};

export const CONFIG: PayloadKind = {
  name: "config",
  maxBytes: 1000 * 1024,
  list: listConfigs,
  create: async (connection, spec) => (await connection.call(ControlService.createConfig, { spec })).config,
  remove: (connection, configId) => connection.call(ControlService.removeConfig, { configId }),
};

export function payloadName({ spec }: Payload): string {
  return spec?.annotations?.name ?? "";
}
