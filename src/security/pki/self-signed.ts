/** A certificate that encrypts and proves nothing, for a socket whose file's permissions are the guard. */
import { generateKeyPairSync } from "node:crypto";
import type { CertifiedKey } from "./certified-key.js";
import { encodeName, type NameParts } from "./distinguished-name.js";
import { basicConstraints, KEY_USAGE, keyUsage, serverAndClient, subjectAltNames } from "./extensions.js";
import { BACKDATE_MS, signCertificate } from "./sign-certificate.js";

export interface CertificateSubject extends NameParts {
  readonly dnsNames: readonly string[];
}

const VALIDITY_MS = 10 * 365 * 86_400_000;

/** Self-signed, on P-256. @param nowMs milliseconds since 1970 */
export function selfSignedCertificate(subject: CertificateSubject, nowMs: number): CertifiedKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const name = encodeName(subject);
  const certificatePem = signCertificate(
    {
      subject: name,
      issuer: name,
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + VALIDITY_MS,
      publicKey: publicKey.export({ type: "spki", format: "der" }),
      extensions: [
        basicConstraints({ isCa: false }),
        keyUsage(KEY_USAGE.digitalSignature),
        serverAndClient(),
        subjectAltNames(subject.dnsNames),
      ],
    },
    privateKey,
  );
  return { certificatePem, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}
