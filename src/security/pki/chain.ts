/** Whether a certificate is what it says: the way from it to a trusted root (RFC 5280 section 6, as far as a cluster needs it). */
import type { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { CertificateError } from "./certificate-error.js";
import { type CertificateFacts, readCertificates } from "./certificate-facts.js";
import { OID } from "./object-identifiers.js";
import { ORGANIZATIONAL_UNIT } from "./organizational-unit.js";
import { maySignCertificates } from "./read-extensions.js";
import { AlgorithmError, isSignedBy, readPublicKey } from "./signature-algorithm.js";

export interface ExpectedSubject {
  /** O */
  readonly clusterId?: string | undefined;
  /** OU */
  readonly role?: NodeRole | undefined;
  /** CN */
  readonly nodeId?: string | undefined;
}

export interface ChainOptions {
  /** The certificate, then what lies between it and a root, in any order. */
  readonly certificatePem: string;
  readonly rootPem: string;
  /** Milliseconds since 1970; undefined: times do not count. */
  readonly nowMs?: number | undefined;
  readonly expected?: ExpectedSubject;
}

/** Certificates from the leaf to the root, at most. */
const MAX_PATH = 6;
/** Enough for a change of roots in the midst of another; signatures cost time. */
const MAX_SIGNATURES = 64;

/**
 * That of a node: it chains to one of the roots, may be a server's and a client's, and names whom it should.
 * @returns the way from it to a root, both included; the second of them has signed it
 * @throws CertificateError
 */
export function checkChain({ certificatePem, rootPem, nowMs, expected }: ChainOptions): CertificateFacts[] {
  const [leaf, ...intermediates] = readCertificates(certificatePem) as [CertificateFacts, ...CertificateFacts[]];
  checkTime(leaf, nowMs);
  const way = new WaySearch(intermediates, readRoots(rootPem), nowMs).from(leaf);
  checkPurpose(leaf);
  checkSubject(leaf, expected ?? {});
  return way;
}

/** Of a bundle, at least one; each is a CA. @throws CertificateError */
export function readRoots(rootPem: string): CertificateFacts[] {
  const roots = readCertificates(rootPem);
  for (const root of roots) {
    if (!maySignCertificates(root)) {
      throw new CertificateError("no-ca", `a root (${nameOf(root)}) is no CA certificate`);
    }
  }
  return roots;
}

/** Whether `issuer`'s key signed `certificate`. @throws CertificateError for an algorithm that a cluster does not take */
export function hasSigned(issuer: CertificateFacts, certificate: CertificateFacts): boolean {
  if (!certificate.algorithm) {
    throw new CertificateError("unsupported-algorithm", `${nameOf(certificate)}: unsupported signature algorithm`);
  }
  try {
    const key = readPublicKey(issuer.publicKeyDer);
    return isSignedBy(key, certificate.algorithm, certificate.signedDer, certificate.signature);
  } catch (error) {
    if (!(error instanceof AlgorithmError)) throw error;
    throw new CertificateError("unsupported-algorithm", `${nameOf(issuer)}: ${error.message}`);
  }
}

/** For messages. */
export function nameOf({ subject, serialNumber }: CertificateFacts): string {
  return `"${(subject.commonName ?? "").slice(0, 64)}", serial number ${serialNumber.slice(0, 40)}`;
}

class WaySearch {
  readonly #intermediates: readonly CertificateFacts[];
  readonly #roots: readonly CertificateFacts[];
  readonly #nowMs: number | undefined;
  #signatures = 0;
  /** Why the last one that could have signed did not count. */
  #reason = "none of them has signed it";

  constructor(intermediates: readonly CertificateFacts[], roots: readonly CertificateFacts[], nowMs?: number) {
    this.#intermediates = intermediates;
    this.#roots = roots;
    this.#nowMs = nowMs;
  }

  from(leaf: CertificateFacts): CertificateFacts[] {
    // The shortest way first: a root before an intermediate of the same key.
    let ways = [[leaf]];
    for (let length = 1; length < MAX_PATH; length++) {
      for (const way of ways) {
        const root = this.#roots.find((one) => this.#leadsTo(one, way));
        if (root) return [...way, root];
      }
      ways = ways.flatMap((way) =>
        this.#intermediates.filter((one) => !way.includes(one) && this.#leadsTo(one, way)).map((one) => [...way, one]),
      );
    }
    const roots = this.#roots.map(nameOf).join("; ");
    throw new CertificateError(
      "untrusted",
      `the certificate of ${nameOf(leaf)} does not chain to a trusted root (${roots}): ${this.#reason}`,
    );
  }

  #leadsTo(issuer: CertificateFacts, way: readonly CertificateFacts[]): boolean {
    const last = way.at(-1)!;
    if (!issuer.subjectDer.equals(last.issuerDer) || !maySignCertificates(issuer)) return false;
    if (issuer.subjectKeyId && last.authorityKeyId && !issuer.subjectKeyId.equals(last.authorityKeyId)) return false;
    if (issuer.pathLength !== undefined && issuer.pathLength < way.length - 1) return false;
    const fault = faultOf(issuer, this.#nowMs);
    if (fault) {
      this.#reason = `${nameOf(issuer)} ${fault}`;
      return false;
    }
    if (++this.#signatures > MAX_SIGNATURES) {
      throw new CertificateError("untrusted", `more than ${MAX_SIGNATURES} signatures would have to be checked`);
    }
    return hasSigned(issuer, last);
  }
}

/** Why it cannot stand between a node and a root, or be one. */
function faultOf(certificate: CertificateFacts, nowMs: number | undefined): string | undefined {
  const { notBeforeMs, notAfterMs, unknownCritical } = certificate;
  if (unknownCritical.length > 0) return `has a critical extension that is not known (${unknownCritical[0]})`;
  if (nowMs !== undefined && nowMs > notAfterMs) return `expired at ${iso(notAfterMs)}`;
  if (nowMs !== undefined && nowMs < notBeforeMs) return `is valid from ${iso(notBeforeMs)} on`;
  return undefined;
}

function checkTime(leaf: CertificateFacts, nowMs: number | undefined): void {
  const { notBeforeMs, notAfterMs, unknownCritical } = leaf;
  if (unknownCritical.length > 0) throw new CertificateError("malformed", `${nameOf(leaf)} ${faultOf(leaf, nowMs)}`);
  if (nowMs === undefined) return;
  if (nowMs > notAfterMs) {
    throw new CertificateError("expired", `the certificate of ${nameOf(leaf)} expired at ${iso(notAfterMs)}`);
  }
  if (nowMs < notBeforeMs) {
    throw new CertificateError(
      "not-yet-valid",
      `the certificate of ${nameOf(leaf)} is valid from ${iso(notBeforeMs)} on, and this host's clock says ${iso(nowMs)}: is it right?`,
    );
  }
}

function checkPurpose(leaf: CertificateFacts): void {
  const { purposes } = leaf;
  if (!purposes || purposes.includes(OID.anyExtendedKeyUsage)) return;
  if (!purposes.includes(OID.serverAuth) || !purposes.includes(OID.clientAuth)) {
    throw new CertificateError(
      "wrong-purpose",
      `the certificate of ${nameOf(leaf)} is not for both ends of a connection: a node needs the purposes server and client`,
    );
  }
}

function checkSubject(leaf: CertificateFacts, { clusterId, role, nodeId }: ExpectedSubject): void {
  const { organization, organizationalUnit, commonName } = leaf.subject;
  if (clusterId !== undefined && organization !== clusterId) {
    throw new CertificateError(
      "wrong-organization",
      `the certificate is for cluster ${shown(organization)}, not for ${clusterId}`,
    );
  }
  if (nodeId !== undefined && commonName !== nodeId) {
    throw new CertificateError("wrong-node", `the certificate is for node ${shown(commonName)}, not for ${nodeId}`);
  }
  if (role !== undefined && organizationalUnit !== ORGANIZATIONAL_UNIT[role]) {
    throw new CertificateError(
      "wrong-role",
      `the certificate is for a ${shown(organizationalUnit)}, not for a ${ORGANIZATIONAL_UNIT[role]}`,
    );
  }
}

function shown(text: string | undefined): string {
  return text === undefined ? "nobody" : JSON.stringify(text.slice(0, 64));
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(".000Z", "Z");
}
