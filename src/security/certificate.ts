/**
 * A self-signed X.509 certificate on P-256 (RFC 5280, RFC 5480), in the shape of SwarmKit's node certificates:
 * organisation = cluster, organisational unit = role, common name = node.
 */
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import {
  bitString,
  explicit,
  implicit,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  trueValue,
  utf8String,
} from "./der.js";

export interface CertificateSubject {
  readonly organization: string;
  readonly organizationalUnit: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
}

export interface CertifiedKey {
  readonly certificatePem: string;
  /** PKCS #8 */
  readonly keyPem: string;
}

const OID = {
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  commonName: "2.5.4.3",
  organization: "2.5.4.10",
  organizationalUnit: "2.5.4.11",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

const DNS_NAME = 2;
const VERSION_3 = Buffer.from([2]);
/** Clocks of nodes differ: a certificate is valid from an hour ago. */
const BACKDATE_MS = 3_600_000;
const VALIDITY_MS = 10 * 365 * 86_400_000;

/** @param nowMs milliseconds since 1970 */
export function selfSignedCertificate(subject: CertificateSubject, nowMs: number): CertifiedKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const name = sequence(
    attribute(OID.organization, subject.organization),
    attribute(OID.organizationalUnit, subject.organizationalUnit),
    attribute(OID.commonName, subject.commonName),
  );
  const body = sequence(
    explicit(0, integer(VERSION_3)),
    integer(randomBytes(16)),
    algorithm,
    name,
    sequence(time(nowMs - BACKDATE_MS), time(nowMs + VALIDITY_MS)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    explicit(3, extensions(subject.dnsNames)),
  );
  const certificate = sequence(body, algorithm, bitString(sign("sha256", body, privateKey)));
  return {
    certificatePem: pem("CERTIFICATE", certificate),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function extensions(dnsNames: readonly string[]): Buffer {
  const digitalSignature = bitString(Buffer.from([0x80]), 7);
  const names = dnsNames.map((name) => implicit(DNS_NAME, Buffer.from(name, "latin1")));
  return sequence(
    extension(OID.basicConstraints, true, sequence()),
    extension(OID.keyUsage, true, digitalSignature),
    extension(OID.extendedKeyUsage, false, sequence(oid(OID.serverAuth), oid(OID.clientAuth))),
    extension(OID.subjectAltName, false, sequence(...names)),
  );
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [trueValue()] : []), octetString(value));
}

function attribute(id: string, value: string): Buffer {
  return set(sequence(oid(id), utf8String(value)));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
