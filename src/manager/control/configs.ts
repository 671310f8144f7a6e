/** Configs: as secrets, but their data can be read again. */
import type {
  CreateConfigRequest,
  CreateConfigResponse,
  GetConfigRequest,
  GetConfigResponse,
  ListConfigsRequest,
  ListConfigsResponse,
  RemoveConfigRequest,
  RemoveConfigResponse,
  UpdateConfigRequest,
  UpdateConfigResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import { Config } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { invalidArgument, notFound } from "../../api/status-error.js";
import { newObjectId } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import { atVersion, type ControlContext, control, type Methods } from "./context.js";
import { fitsFilters } from "./filter.js";
import { refuseWhileUsed } from "./payload-users.js";
import { checkId } from "./validation/name.js";
import { checkConfigSpec } from "./validation/payload.js";

export function configMethods(context: ControlContext): Methods {
  return {
    getConfig: control(context, (request: GetConfigRequest) => getConfig(context, request)),
    listConfigs: control(context, (request: ListConfigsRequest) => listConfigs(context, request)),
    createConfig: control(context, (request: CreateConfigRequest) => createConfig(context, request)),
    updateConfig: control(context, (request: UpdateConfigRequest) => updateConfig(context, request)),
    removeConfig: control(context, (request: RemoveConfigRequest) => removeConfig(context, request)),
  };
}

function getConfig({ store }: ControlContext, { configId }: GetConfigRequest): GetConfigResponse {
  return { config: store.view((read) => findConfig(read, configId)) };
}

function listConfigs({ store }: ControlContext, { filters }: ListConfigsRequest): ListConfigsResponse {
  const configs = store.view((read) => read.all("config"));
  const fitting = configs.filter(({ id, spec }) =>
    fitsFilters(filters, { id, name: spec?.annotations?.name ?? "", labels: spec?.annotations?.labels ?? {} }),
  );
  return { configs: fitting };
}

async function createConfig(
  { store, random }: ControlContext,
  { spec }: CreateConfigRequest,
): Promise<CreateConfigResponse> {
  if (!spec) throw invalidArgument("invalid argument: the specification of the config is missing");
  checkConfigSpec(spec);
  const id = newObjectId(random);
  await store.update((tx) => tx.create("config", Config.fromPartial({ id, spec })));
  return { config: store.view((read) => findConfig(read, id)) };
}

async function updateConfig({ store }: ControlContext, request: UpdateConfigRequest): Promise<UpdateConfigResponse> {
  const { configId, configVersion, spec } = request;
  if (!spec) throw invalidArgument("invalid argument: the specification of the config is missing");
  await store.update((tx) => {
    const config = findConfig(tx, configId);
    const annotations = config.spec?.annotations;
    const isOther = spec.data.length > 0 && !Buffer.from(spec.data).equals(Buffer.from(config.spec?.data ?? []));
    if (isOther || spec.annotations?.name !== annotations?.name) {
      throw invalidArgument("only updates to Labels are allowed");
    }
    const labels = spec.annotations?.labels ?? {};
    tx.update("config", {
      ...atVersion(config, configVersion),
      spec: { ...config.spec!, annotations: { ...annotations!, labels } },
    });
  });
  return { config: store.view((read) => findConfig(read, configId)) };
}

async function removeConfig(
  { store }: ControlContext,
  { configId }: RemoveConfigRequest,
): Promise<RemoveConfigResponse> {
  await store.update((tx) => {
    const { id, spec } = findConfig(tx, configId);
    refuseWhileUsed("config", id, spec?.annotations?.name ?? "", tx);
    tx.remove("config", id);
  });
  return {};
}

/** @throws StatusError (INVALID_ARGUMENT, NOT_FOUND) */
function findConfig(read: StoreReader, id: string): Config {
  const config = read.get("config", checkId("config", id));
  if (!config) throw notFound(`config ${id} not found`);
  return config;
}
