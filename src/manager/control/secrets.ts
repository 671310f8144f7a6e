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
import { invalidArgument, notFound } from "../../api/status-error.js";
import { newObjectId } from "../../store/object-id.js";
import type { StoreReader } from "../../store/reader.js";
import { atVersion, type ControlContext, control, type Methods } from "./context.js";
import { fitsFilters } from "./filter.js";
import { refuseWhileUsed } from "./payload-users.js";
import { checkId } from "./validation/name.js";
import { checkSecretSpec } from "./validation/payload.js";

export function secretMethods(context: ControlContext): Methods {
  return {
    getSecret: control(context, (request: GetSecretRequest) => getSecret(context, request)),
    listSecrets: control(context, (request: ListSecretsRequest) => listSecrets(context, request)),
    createSecret: control(context, (request: CreateSecretRequest) => createSecret(context, request)),
    updateSecret: control(context, (request: UpdateSecretRequest) => updateSecret(context, request)),
    removeSecret: control(context, (request: RemoveSecretRequest) => removeSecret(context, request)),
  };
}

function getSecret({ store }: ControlContext, { secretId }: GetSecretRequest): GetSecretResponse {
  return { secret: withoutData(store.view((read) => findSecret(read, secretId))) };
}

function listSecrets({ store }: ControlContext, { filters }: ListSecretsRequest): ListSecretsResponse {
  const secrets = store.view((read) => read.all("secret"));
  const fitting = secrets.filter(({ id, spec }) =>
    fitsFilters(filters, { id, name: spec?.annotations?.name ?? "", labels: spec?.annotations?.labels ?? {} }),
  );
  return { secrets: fitting.map(withoutData) };
}

async function createSecret(
  { store, random }: ControlContext,
  { spec }: CreateSecretRequest,
): Promise<CreateSecretResponse> {
  if (!spec) throw invalidArgument("invalid argument: the specification of the secret is missing");
  checkSecretSpec(spec);
  const id = newObjectId(random);
  await store.update((tx) => tx.create("secret", Secret.fromPartial({ id, spec })));
  return { secret: withoutData(store.view((read) => findSecret(read, id))) };
}

async function updateSecret({ store }: ControlContext, request: UpdateSecretRequest): Promise<UpdateSecretResponse> {
  const { secretId, secretVersion, spec } = request;
  if (!spec) throw invalidArgument("invalid argument: the specification of the secret is missing");
  await store.update((tx) => {
    const secret = findSecret(tx, secretId);
    const annotations = secret.spec?.annotations;
    const isOther = spec.data.length > 0 && !Buffer.from(spec.data).equals(Buffer.from(secret.spec?.data ?? []));
    if (isOther || spec.annotations?.name !== annotations?.name) {
      throw invalidArgument("only updates to Labels are allowed");
    }
    const labels = spec.annotations?.labels ?? {};
    tx.update("secret", {
      ...atVersion(secret, secretVersion),
      spec: { ...secret.spec!, annotations: { ...annotations!, labels } },
    });
  });
  return { secret: withoutData(store.view((read) => findSecret(read, secretId))) };
}

async function removeSecret(
  { store }: ControlContext,
  { secretId }: RemoveSecretRequest,
): Promise<RemoveSecretResponse> {
  await store.update((tx) => {
    const { id, spec } = findSecret(tx, secretId);
    refuseWhileUsed("secret", id, spec?.annotations?.name ?? "", tx);
    tx.remove("secret", id);
  });
  return {};
}

/** @throws StatusError (INVALID_ARGUMENT, NOT_FOUND) */
function findSecret(read: StoreReader, id: string): Secret {
  const secret = read.get("secret", checkId("secret", id));
  if (!secret) throw notFound(`secret ${id} not found`);
  return secret;
}

function withoutData(secret: Secret): Secret {
  return { ...secret, spec: secret.spec && { ...secret.spec, data: Buffer.alloc(0) } };
}
