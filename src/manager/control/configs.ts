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
import { type ControlContext, control, type Methods } from "./context.js";
import { Payloads } from "./payloads.js";
import { checkConfigSpec } from "./validation/payload.js";

export function configMethods(context: ControlContext): Methods {
  const configs = new Payloads(context, {
    kind: "config",
    check: checkConfigSpec,
    make: (id, spec) => Config.fromPartial({ id, spec }),
  });
  return {
    getConfig: control(
      context,
      ({ configId }: GetConfigRequest): GetConfigResponse => ({ config: configs.get(configId) }),
    ),
    listConfigs: control(
      context,
      ({ filters }: ListConfigsRequest): ListConfigsResponse => ({ configs: configs.list(filters) }),
    ),
    createConfig: control(
      context,
      async ({ spec }: CreateConfigRequest): Promise<CreateConfigResponse> => ({ config: await configs.create(spec) }),
    ),
    updateConfig: control(
      context,
      async ({ configId, configVersion, spec }: UpdateConfigRequest): Promise<UpdateConfigResponse> => ({
        config: await configs.updateLabels(configId, configVersion, spec),
      }),
    ),
    removeConfig: control(context, async ({ configId }: RemoveConfigRequest): Promise<RemoveConfigResponse> => {
      await configs.remove(configId);
      return {};
    }),
  };
}
