/** Secrets: what a caller is told of them never holds their data. */
import type {
  CreateSecretRequest,
  CreateSecretResponse,
  GetSecretRequest,
  GetSecretResponse,
  ListSecretsRequest,
  ListSecretsResponse,
  RemoveSecretRequest,
  RemoveSecretResponse,
  UpdateSecretRequest,
  UpdateSecretResponse,
} from "../../api/generated/docker/swarmkit/v1/control.js";
import { Secret } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { type ControlContext, control, type Methods } from "./context.js";
import { Payloads } from "./payloads.js";
import { checkSecretSpec } from "./validation/payload.js";

export function secretMethods(context: ControlContext): Methods {
  const secrets = new Payloads(context, {
    kind: "secret",
    check: checkSecretSpec,
    make: (id, spec) => Secret.fromPartial({ id, spec }),
  });
  return {
    getSecret: control(
      context,
      ({ secretId }: GetSecretRequest): GetSecretResponse => ({ secret: withoutData(secrets.get(secretId)) }),
    ),
    listSecrets: control(
      context,
      ({ filters }: ListSecretsRequest): ListSecretsResponse => ({ secrets: secrets.list(filters).map(withoutData) }),
    ),
    createSecret: control(
      context,
      async ({ spec }: CreateSecretRequest): Promise<CreateSecretResponse> => ({
        secret: withoutData(await secrets.create(spec)),
      }),
    ),
    updateSecret: control(
      context,
      async ({ secretId, secretVersion, spec }: UpdateSecretRequest): Promise<UpdateSecretResponse> => ({
        secret: withoutData(await secrets.updateLabels(secretId, secretVersion, spec)),
      }),
    ),
    removeSecret: control(context, async ({ secretId }: RemoveSecretRequest): Promise<RemoveSecretResponse> => {
      await secrets.remove(secretId);
      return {};
    }),
  };
}

function withoutData(secret: Secret): Secret {
  return { ...secret, spec: secret.spec && { ...secret.spec, data: Buffer.alloc(0) } };
}
