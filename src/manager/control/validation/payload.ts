/** What a secret or a config may be. Texts are SwarmKit's. */
import type { ConfigSpec, SecretSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import type { Annotations } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument, unimplemented } from "../../../api/status-error.js";

const MAX_SECRET_BYTES = 500 * 1024;
const MAX_CONFIG_BYTES = 1000 * 1024;
const MAX_NAME_LENGTH = 64;

/** @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version cannot provide */
export function checkSecretSpec(spec: SecretSpec): void {
  checkName(spec.annotations);
  if (spec.driver) throw unimplemented("secrets that a driver provides are not available in this version of tswarm");
  refuseTemplates(spec);
  checkSize("secret", spec.data, MAX_SECRET_BYTES);
}

/** @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version cannot provide */
export function checkConfigSpec(spec: ConfigSpec): void {
  checkName(spec.annotations);
  refuseTemplates(spec);
  checkSize("config", spec.data, MAX_CONFIG_BYTES);
}

function checkName(annotations: Annotations | undefined): void {
  const name = annotations?.name ?? "";
  if (name === "") throw invalidArgument("name must be provided");
  const isGood = /^[a-zA-Z0-9]/.test(name) && /[a-zA-Z0-9]$/.test(name) && /^[a-zA-Z0-9_.-]+$/.test(name);
  if (name.length > MAX_NAME_LENGTH || !isGood) {
    throw invalidArgument(
      "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]",
    );
  }
}

function refuseTemplates({ templating }: SecretSpec | ConfigSpec): void {
  if (templating) throw unimplemented("secrets and configs with templates are not available in this version of tswarm");
}

function checkSize(what: string, data: Uint8Array, maxBytes: number): void {
  if (data.length < 1 || data.length >= maxBytes) {
    throw invalidArgument(`${what} data must be larger than 0 and less than ${maxBytes} bytes`);
  }
}
