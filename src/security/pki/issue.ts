/** Signs the certificates of nodes. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { certificateFacts } from "./certificate-facts.js";
import type { CertificateAuthority } from "./certified-key.js";
import { type CertificateRequest, readCsr } from "./csr.js";
import { encodeName } from "./distinguished-name.js";
import {
  authorityKeyIdentifier,
  basicConstraints,
  KEY_USAGE,
  keyIdentifierOf,
  keyUsage,
  serverAndClient,
  subjectAltNames,
  subjectKeyIdentifier,
} from "./extensions.js";
import { CA_NAME, ORGANIZATIONAL_UNIT } from "./organizational-unit.js";
import { signCertificate } from "./sign-certificate.js";

export interface IssueOptions {
  readonly ca: CertificateAuthority;
  /** PEM, or what {@link readCsr} made of it. */
  readonly csr: string | Uint8Array | CertificateRequest;
  readonly nodeId: string;
  readonly role: NodeRole;
  readonly clusterId: string;
  /** Milliseconds since 1970; backdated by whoever calls, as clocks of nodes differ. */
  readonly notBeforeMs: number;
  /** No certificate outlives the one that signs it: where that ends earlier, it counts. */
  readonly notAfterMs: number;
}

/** What is a name of a server as well (RFC 5280: at most 64 characters). */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * @returns PEM: the certificate, then what lies between it and a root
 * @throws CsrError for the request; RangeError for an id that is none
 */
export function issueCertificate({ ca, csr, nodeId, role, clusterId, notBeforeMs, notAfterMs }: IssueOptions): string {
  for (const id of [nodeId, clusterId]) {
    if (!NAME.test(id)) throw new RangeError(`"${id.slice(0, 100)}" can be no id of a node or a cluster`);
  }
  const { publicKey } = typeof csr === "string" || csr instanceof Uint8Array ? readCsr(csr) : csr;
  const signer = signerOf(ca);
  const unit = ORGANIZATIONAL_UNIT[role];
  const certificate = signCertificate(
    {
      subject: encodeName({ organization: clusterId, organizationalUnit: unit, commonName: nodeId }),
      issuer: signer.subject,
      notBeforeMs,
      notAfterMs: Math.min(notAfterMs, signer.notAfterMs),
      publicKey,
      extensions: [
        basicConstraints({ isCa: false }),
        keyUsage(KEY_USAGE.digitalSignature | KEY_USAGE.keyEncipherment),
        serverAndClient(),
        subjectKeyIdentifier(keyIdentifierOf(publicKey)),
        ...(signer.keyId ? [authorityKeyIdentifier(signer.keyId)] : []),
        subjectAltNames([unit, nodeId, ...(role === NodeRole.MANAGER ? [CA_NAME] : [])]),
      ],
    },
    signer.key,
  );
  return ca.intermediatesPem ? `${certificate}${ca.intermediatesPem}` : certificate;
}

interface Signer {
  readonly key: KeyObject;
  readonly subject: Buffer;
  readonly keyId: Buffer | undefined;
  readonly notAfterMs: number;
}

/** To read a key and a certificate costs several times what a signature does; many nodes join at once. */
const signers = new WeakMap<CertificateAuthority, Signer>();

function signerOf(ca: CertificateAuthority): Signer {
  const known = signers.get(ca);
  if (known) return known;
  const { subjectDer, subjectKeyId, notAfterMs } = certificateFacts(ca.certificatePem);
  const signer = { key: createPrivateKey(ca.keyPem), subject: subjectDer, keyId: subjectKeyId, notAfterMs };
  signers.set(ca, signer);
  return signer;
}
