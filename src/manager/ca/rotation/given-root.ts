/** A root that somebody brings along. Pure. */
import type { CAConfig } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../../api/status-error.js";
import { CertificateError } from "../../../security/pki/certificate-error.js";
import { checkNewRoot, type NewRoot } from "../../../security/pki/new-root.js";

/** @returns undefined when none is given @throws StatusError (INVALID_ARGUMENT) for one that cannot be the cluster's */
export function readGivenRoot({ signingCaCert, signingCaKey }: CAConfig, nowMs: number): NewRoot | undefined {
  if (signingCaCert.length === 0) {
    if (signingCaKey.length === 0) return undefined;
    throw invalidArgument("if a signing CA key is provided, the signing CA cert must also be provided");
  }
  const keyPem = signingCaKey.length === 0 ? undefined : signingCaKey.toString();
  try {
    return checkNewRoot(signingCaCert.toString(), keyPem, nowMs);
  } catch (error) {
    if (error instanceof CertificateError) throw invalidArgument(error.message);
    throw error;
  }
}
