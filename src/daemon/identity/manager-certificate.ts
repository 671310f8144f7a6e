/** The certificate of this node's manager, as the daemon sees it: public, and written by a process that it does not trust. */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import type { NodeTLSInfo } from "../../api/generated/docker/swarmkit/v1/types.js";
import { CERTIFICATE_FILE, ROOT_FILE } from "../../security/node-certificate/certificate-store.js";
import { tlsInfoOf } from "../../security/node-certificate/tls-info.js";
import { certificateFacts, readCertificates } from "../../security/pki/certificate-facts.js";

export interface PublicCertificate {
  readonly certificatePem: string;
  readonly rootPem: string;
}

/** Certificates are some thousand bytes. */
const MAX_BYTES = 256 * 1024;
/** No link is followed, and nothing is waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** @returns undefined while there is none, or none that can be read */
export function readManagerCertificate(folder: string): PublicCertificate | undefined {
  const certificatePem = readSmall(join(folder, CERTIFICATE_FILE));
  const rootPem = readSmall(join(folder, ROOT_FILE));
  return certificatePem === undefined || rootPem === undefined ? undefined : { certificatePem, rootPem };
}

/**
 * What the node says of its certificates: of the two, the one that was signed earlier, so that a cluster which waits for a new root waits
 * for both.
 */
export function tlsInfoOfNode(agent: PublicCertificate, manager: PublicCertificate | undefined): NodeTLSInfo {
  if (manager) {
    try {
      const [own, other] = [agent, manager].map(({ certificatePem }) => certificateFacts(certificatePem).notBeforeMs);
      if (other! < own! || (other === own && isBehind(manager, agent))) return tlsInfoOf(manager);
    } catch {
      // What is not whole is just being written, and is looked at again.
    }
  }
  return tlsInfoOf(agent);
}

/** Of two that were signed in the same second: whether the other one is of the newest root that either trusts, and this one is not. */
function isBehind(one: PublicCertificate, other: PublicCertificate): boolean {
  const [roots, others] = [one, other].map(({ rootPem }) => readCertificates(rootPem));
  // While one root follows another both are trusted, the next one last.
  const newest = (others!.length > roots!.length ? others! : roots!).at(-1)!.publicKeyDer;
  const isOfNewest = (certificate: PublicCertificate) => tlsInfoOf(certificate).certIssuerPublicKey.equals(newest);
  return isOfNewest(other) && !isOfNewest(one);
}

/** Milliseconds since 1970; undefined for what is no certificate. */
export function expiryOf(certificate: PublicCertificate | undefined): number | undefined {
  if (!certificate) return undefined;
  try {
    return certificateFacts(certificate.certificatePem).notAfterMs;
  } catch {
    return undefined;
  }
}

function readSmall(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, FLAGS);
  } catch {
    return undefined;
  }
  try {
    const { size } = fstatSync(file);
    if (!fstatSync(file).isFile() || size > MAX_BYTES) return undefined;
    const bytes = Buffer.alloc(size);
    return bytes.toString("latin1", 0, readSync(file, bytes, 0, size, 0));
  } finally {
    closeSync(file);
  }
}
