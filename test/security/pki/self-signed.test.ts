import { X509Certificate } from "node:crypto";
import test from "ava";
import { integer, oid, time } from "../../../src/security/pki/der.js";
import { selfSignedCertificate } from "../../../src/security/pki/self-signed.js";

const SUBJECT = {
  organization: "cluster1",
  organizationalUnit: "swarm-manager",
  commonName: "node1",
  dnsNames: ["swarm-manager", "node1", "swarm-ca"],
};

test("the certificate is valid, signed by its own key, and names cluster, role and node", (t) => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const made = selfSignedCertificate(SUBJECT, now);
  const certificate = new X509Certificate(made.certificatePem);
  t.true(certificate.verify(certificate.publicKey));
  t.is(certificate.subject, "O=cluster1\nOU=swarm-manager\nCN=node1");
  t.is(certificate.issuer, certificate.subject);
  t.is(certificate.subjectAltName, "DNS:swarm-manager, DNS:node1, DNS:swarm-ca");
  t.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  t.false(certificate.ca);
  t.is(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  t.is(new Date(certificate.validFrom).getTime(), now - 3_600_000);
  t.is(new Date(certificate.validTo).getTime(), now + 10 * 365 * 86_400_000);
});

test("another key does not verify it", (t) => {
  const one = new X509Certificate(selfSignedCertificate(SUBJECT, 0).certificatePem);
  const other = new X509Certificate(selfSignedCertificate(SUBJECT, 0).certificatePem);
  t.false(one.verify(other.publicKey));
  t.not(one.serialNumber, other.serialNumber);
});

test("DER primitives", (t) => {
  t.is(integer(Buffer.from([0, 0, 1])).toString("hex"), "020101");
  t.is(integer(Buffer.from([0x80])).toString("hex"), "02020080");
  t.is(integer(Buffer.from([0])).toString("hex"), "020100");
  t.is(oid("1.2.840.10045.4.3.2").toString("hex"), "06082a8648ce3d040302");
  t.is(time(Date.UTC(2049, 11, 31, 23, 59, 59)).toString("latin1"), "\x17\r491231235959Z");
  t.is(time(Date.UTC(2050, 0, 1)).toString("latin1"), "\x18\x0f20500101000000Z");
});
