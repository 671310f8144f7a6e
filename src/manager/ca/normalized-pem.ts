import { readCertificates } from "../../security/pki/certificate-facts.js";
import { encodePem } from "../../security/pki/pem.js";

/**
 * The certificates of a text, and nothing else: the same certificates are the same text.
 * @throws CertificateError when there are none
 */
export function normalizedPem(pem: string | Uint8Array): string {
  const text = typeof pem === "string" ? pem : Buffer.from(pem).toString("latin1");
  return readCertificates(text)
    .map(({ der }) => encodePem("CERTIFICATE", der))
    .join("");
}
