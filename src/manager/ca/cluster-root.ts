/** What the cluster object says of its certificate authority. Pure. */

import type { CAConfig, ExternalCA, JoinTokens, RootCA } from "../../api/generated/docker/swarmkit/v1/types.js";
import { ExternalCA_CAProtocol as Protocol } from "../../api/generated/docker/swarmkit/v1/types.js";
import { durationMs } from "../../api/time.js";
import { joinToken } from "../../security/pki/join-token.js";
import { rootDigest } from "../../security/pki/root-digest.js";
import { normalizedPem } from "./normalized-pem.js";

/** In whose name certificates are signed. */
export interface SigningRoot {
  readonly certificatePem: string;
  /** PKCS #8; undefined where an external authority holds it. */
  readonly keyPem: string | undefined;
  /** What goes along with each certificate; see CertificateAuthority. */
  readonly intermediatesPem: string | undefined;
}

export const DEFAULT_NODE_CERTIFICATE_EXPIRY_MS = 90 * 86_400_000;
export const MIN_NODE_CERTIFICATE_EXPIRY_MS = 3_600_000;

/** The next root, while the cluster turns to one: nobody gets a certificate of the old one then. */
export function signingRoot({ caCert, caKey, rootRotation }: RootCA): SigningRoot {
  if (!rootRotation) return { certificatePem: text(caCert), keyPem: textOf(caKey), intermediatesPem: undefined };
  return {
    certificatePem: text(rootRotation.caCert),
    keyPem: textOf(rootRotation.caKey),
    intermediatesPem: textOf(rootRotation.crossSignedCaCert),
  };
}

/** PEM: all that a member is to trust. */
export function trustedRoots({ caCert, rootRotation }: RootCA): string {
  return rootRotation ? normalizedPem(text(caCert)) + normalizedPem(text(rootRotation.caCert)) : text(caCert);
}

/** A root that begins to be the cluster's, with tokens that nobody has yet. */
export function freshRoot(certificatePem: string, keyPem: string | undefined, lastForcedRotation: number): RootCA {
  return {
    caCert: Buffer.from(certificatePem),
    caKey: Buffer.from(keyPem ?? ""),
    caCertHash: rootDigest(certificatePem),
    joinTokens: freshTokens(certificatePem),
    rootRotation: undefined,
    lastForcedRotation,
  };
}

export function freshTokens(rootPem: string): JoinTokens {
  return { worker: joinToken(rootPem), manager: joinToken(rootPem) };
}

export function nodeCertificateExpiryMs(config: CAConfig | undefined): number {
  return durationMs(config?.nodeCertExpiry, DEFAULT_NODE_CERTIFICATE_EXPIRY_MS);
}

/** The authorities that sign for a root. One that names no root signs for the one that the cluster has, not for the next. */
export function authoritiesFor(rootPem: string, config: CAConfig | undefined, rootCa: RootCA): readonly ExternalCA[] {
  const wanted = normalizedPem(rootPem);
  return (config?.externalCas ?? []).filter(({ protocol, caCert }) => {
    const own = caCert.length > 0 ? caCert : rootCa.caCert;
    return protocol === Protocol.CFSSL && normalizedPem(text(own)) === wanted;
  });
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

function textOf(bytes: Uint8Array): string | undefined {
  return bytes.length === 0 ? undefined : text(bytes);
}
