/**
 * From what a cluster's root is, and what it is asked to be, to what it shall be: as it is, another key for it, the beginning of a change
 * to another root, or the end of one without a result. Rules and words are SwarmKit's (manager/controlapi/ca_rotation.go).
 */
import { randomBytes } from "node:crypto";
import type { Cluster } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import type { CAConfig, ExternalCA, RootCA } from "../../../api/generated/docker/swarmkit/v1/types.js";
import { internal, invalidArgument } from "../../../api/status-error.js";
import type { CertifiedKey } from "../../../security/pki/certified-key.js";
import { haveSameKey, type NewRoot } from "../../../security/pki/new-root.js";
import { CA_NAME } from "../../../security/pki/organizational-unit.js";
import { crossSign, makeRootCa } from "../../../security/pki/root-ca.js";
import { authoritiesFor } from "../cluster-root.js";
import { normalizedPem } from "../normalized-pem.js";
import { readGivenRoot } from "./given-root.js";

/** Authorities that hold a root's key outside of the cluster. */
export interface Authorities {
  isReachable(authority: ExternalCA, rootPem: string): Promise<boolean>;
  /** @throws AuthorityError */
  crossSign(next: CertifiedKey, authorities: readonly ExternalCA[], presentRootPem: string): Promise<string>;
}

export interface RootChange {
  readonly cluster: Cluster;
  /** As it is asked for, with the key where one is given. */
  readonly config: CAConfig;
  readonly nowMs: number;
  readonly authorities: Authorities;
  readonly log: (line: string) => void;
}

/** @returns the very same object where nothing changes @throws StatusError (INVALID_ARGUMENT) */
export async function desiredRoot(change: RootChange): Promise<RootCA> {
  const { cluster, config, nowMs } = change;
  const rootCa = cluster.rootCa!;
  const presentPem = normalizedPem(rootCa.caCert);
  const given = readGivenRoot(config, nowMs);
  const hasKey = rootCa.caKey.length > 0;
  // Who brings the key of the present root needs no authority any more, and no other root.
  if (!hasKey && given?.keyPem !== undefined && given.certificatePem === presentPem) {
    return keptRoot(rootCa, Buffer.from(given.keyPem), config);
  }
  const present = hasKey ? [] : await reachable(change, presentPem, "current");
  if (!given) return withoutWish(change, present);
  // The key of a root that the cluster made is in nobody's hands: its certificate is enough to stay with it.
  if (hasKey && isPresentAlone(given, presentPem, change)) return keptRoot(rootCa, rootCa.caKey, config);
  if (given.keyPem === undefined) await reachable(change, given.certificatePem, "desired");
  if (given.certificatePem === presentPem) return keptRoot(rootCa, Buffer.from(given.keyPem ?? ""), config);
  if (haveSameKey(given.certificatePem, presentPem)) {
    throw invalidArgument("Cannot update to a cert with an identical key");
  }
  const { rootRotation } = rootCa;
  if (rootRotation && normalizedPem(rootRotation.caCert) === given.certificatePem) {
    const caKey = Buffer.from(given.keyPem ?? "");
    return { ...rootCa, rootRotation: { ...rootRotation, caKey }, lastForcedRotation: config.forceRotate };
  }
  return turning(change, given, present);
}

/** Nobody asks for a certain root. */
async function withoutWish(change: RootChange, present: readonly ExternalCA[]): Promise<RootCA> {
  const { cluster, config, nowMs } = change;
  const rootCa = cluster.rootCa!;
  if (rootCa.lastForcedRotation !== config.forceRotate) return turning(change, generatedRoot(rootCa, nowMs), present);
  const { rootRotation } = rootCa;
  if (rootRotation && rootRotation.caKey.length === 0) {
    await reachable(change, normalizedPem(rootRotation.caCert), "next");
  }
  return rootCa;
}

/**
 * A root with a new key. Where an authority outside signs it too, it has a name of its own: what Go's crypto/x509 signs does not say by
 * whose key when both names are the same, and OpenSSL takes it for self-signed then.
 */
function generatedRoot({ caKey }: RootCA, nowMs: number): NewRoot {
  if (caKey.length > 0) return makeRootCa(nowMs);
  return makeRootCa(nowMs, { commonName: CA_NAME, organization: `swarm ${randomBytes(8).toString("hex")}` });
}

/** The certificate of the root that the cluster has, without its key, and nobody outside who has that. */
function isPresentAlone(
  { certificatePem, keyPem }: NewRoot,
  presentPem: string,
  { cluster, config }: RootChange,
): boolean {
  if (keyPem !== undefined || certificatePem !== presentPem) return false;
  return authoritiesFor(presentPem, config, cluster.rootCa!).length === 0;
}

/** The root that the cluster has: a change to another, if there is one, is given up. */
function keptRoot(rootCa: RootCA, caKey: Buffer, { forceRotate }: CAConfig): RootCA {
  if (!rootCa.rootRotation && rootCa.caKey.equals(caKey) && rootCa.lastForcedRotation === forceRotate) return rootCa;
  return { ...rootCa, caKey, rootRotation: undefined, lastForcedRotation: forceRotate };
}

/** The beginning of a change to another root, in place of one that is under way: always from the root that the cluster has. */
async function turning(change: RootChange, next: NewRoot, present: readonly ExternalCA[]): Promise<RootCA> {
  const { cluster, config, authorities, log } = change;
  const rootCa = cluster.rootCa!;
  const presentPem = normalizedPem(rootCa.caCert);
  const { certificatePem, keyPem } = next;
  if (rootCa.caKey.length === 0 && keyPem === undefined) {
    throw invalidArgument("rotating from one external CA to a different external CA is not supported");
  }
  let crossSigned: string;
  try {
    crossSigned =
      rootCa.caKey.length > 0
        ? crossSign(certificatePem, { certificatePem: presentPem, keyPem: rootCa.caKey.toString() })
        : await authorities.crossSign({ certificatePem, keyPem: keyPem! }, present, presentPem);
  } catch (error) {
    const { message } = error as Error;
    log(`the next root cannot be signed by the present one: ${message}`);
    throw internal(`unable to generate a cross-signed certificate for root rotation: ${message}`);
  }
  const rootRotation = {
    caCert: Buffer.from(normalizedPem(certificatePem)),
    caKey: Buffer.from(keyPem ?? ""),
    crossSignedCaCert: Buffer.from(normalizedPem(crossSigned)),
  };
  return { ...rootCa, rootRotation, lastForcedRotation: config.forceRotate };
}

/** @returns all that sign for the root @throws StatusError (INVALID_ARGUMENT) when none of them can be reached */
async function reachable(
  { cluster, config, authorities, log }: RootChange,
  rootPem: string,
  which: "current" | "desired" | "next",
): Promise<readonly ExternalCA[]> {
  const candidates = authoritiesFor(rootPem, config, cluster.rootCa!);
  for (const authority of candidates) {
    if (await authorities.isReachable(authority, rootPem)) return candidates;
    log(`external CA ${authority.url} is unreachable or invalid`);
  }
  throw invalidArgument(
    `there must be at least one valid, reachable external CA corresponding to the ${which} CA certificate`,
  );
}
