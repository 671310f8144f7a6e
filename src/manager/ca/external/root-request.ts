/** A request for another certificate of a root's own key and name (PKCS #10, RFC 2986). */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { certificateFacts } from "../../../security/pki/certificate-facts.js";
import type { CertifiedKey } from "../../../security/pki/certified-key.js";
import { bitString, element, integer, sequence } from "../../../security/pki/der.js";
import { encodePem } from "../../../security/pki/pem.js";
import { algorithmOf, signWith } from "../../../security/pki/signature-algorithm.js";

const VERSION_1 = Buffer.from([0]);
const ATTRIBUTES = 0xa0;

/** @returns PEM */
export function requestForRoot({ certificatePem, keyPem }: CertifiedKey): string {
  const key = createPrivateKey(keyPem);
  const body = sequence(
    integer(VERSION_1),
    certificateFacts(certificatePem).subjectDer,
    createPublicKey(key).export({ type: "spki", format: "der" }),
    element(ATTRIBUTES),
  );
  const csr = sequence(body, algorithmOf(key).identifier, bitString(signWith(key, body)));
  return encodePem("CERTIFICATE REQUEST", csr);
}
