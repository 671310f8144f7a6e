/** A cluster's root, and how one root follows another. */
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { CertificateError } from "./certificate-error.js";
import { certificateFacts, readCertificates } from "./certificate-facts.js";
import type { CertifiedKey } from "./certified-key.js";
import { encodeName, type NameParts } from "./distinguished-name.js";
import {
  authorityKeyIdentifier,
  basicConstraints,
  KEY_USAGE,
  keyIdentifierOf,
  keyUsage,
  subjectKeyIdentifier,
} from "./extensions.js";
import { OID } from "./object-identifiers.js";
import { CA_NAME } from "./organizational-unit.js";
import { maySignCertificates } from "./read-extensions.js";
import { BACKDATE_MS, signCertificate } from "./sign-certificate.js";

/** 20 years, as SwarmKit's. */
export const ROOT_VALIDITY_MS = 630_720_000_000;

/** A root of a cluster with a new key on P-256, valid from an hour ago. @param nowMs milliseconds since 1970 */
export function makeRootCa(nowMs: number, subject: NameParts = { commonName: CA_NAME }): CertifiedKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const spki = publicKey.export({ type: "spki", format: "der" });
  const name = encodeName(subject);
  const certificatePem = signCertificate(
    {
      subject: name,
      issuer: name,
      notBeforeMs: nowMs - BACKDATE_MS,
      notAfterMs: nowMs + ROOT_VALIDITY_MS,
      publicKey: spki,
      extensions: [
        basicConstraints({ isCa: true }),
        keyUsage(KEY_USAGE.keyCertSign | KEY_USAGE.cRLSign | KEY_USAGE.digitalSignature),
        subjectKeyIdentifier(keyIdentifierOf(spki)),
      ],
    },
    privateKey,
  );
  return { certificatePem, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/**
 * The new root once more, signed by the old one: an intermediate for those who trust the old root alone. Name, key, time and
 * extensions are the new root's own.
 * @returns PEM
 * @throws CertificateError when one of them is no root, or the old one allows no intermediates
 */
export function crossSign(newRootPem: string, oldCa: CertifiedKey): string {
  const [root, ...more] = readCertificates(newRootPem);
  if (!root || more.length > 0) throw new CertificateError("too-many", "one new root is cross-signed at a time");
  const old = certificateFacts(oldCa.certificatePem);
  for (const [which, { isCa }] of [["new", root] as const, ["present", old] as const]) {
    if (!isCa) throw new CertificateError("no-ca", `the ${which} root is no CA certificate`);
  }
  if (!maySignCertificates(old)) throw new CertificateError("no-ca", "the present root may not sign certificates");
  if (old.pathLength === 0) {
    throw new CertificateError(
      "no-intermediates",
      "the present root allows no intermediate certificates (path length 0): no other root can follow it without interruption",
    );
  }
  const kept = [...root.extensions].filter(([id]) => id !== OID.authorityKeyIdentifier).map(([, der]) => der);
  return signCertificate(
    {
      subject: root.subjectDer,
      issuer: old.subjectDer,
      notBeforeMs: root.notBeforeMs,
      notAfterMs: root.notAfterMs,
      publicKey: root.publicKeyDer,
      // Both roots are called the same as a rule: without it the way to the old one could not be told from one to itself.
      extensions: [...kept, ...(old.subjectKeyId ? [authorityKeyIdentifier(old.subjectKeyId)] : [])],
    },
    createPrivateKey(oldCa.keyPem),
  );
}
