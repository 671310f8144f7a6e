import { createPrivateKey } from "node:crypto";
import test from "ava";
import { CertificateError, type CertificateFault } from "../../../src/security/pki/certificate-error.js";
import { checkNewRoot, haveSameKey } from "../../../src/security/pki/new-root.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { selfSignedCertificate } from "../../../src/security/pki/self-signed.js";
import { type ForeignRootOptions, foreignRoot, OpenSsl, P256, P384, P521, RSA } from "./openssl.js";

/** What openssl makes is valid from the host's own time on; the tests look a little later. */
const NOW = Date.now() + 600_000;
const DAY_MS = 86_400_000;

for (const [name, key] of Object.entries({ P256, P384, P521, RSA })) {
  test(`openssl's root is taken, with its key: ${name}`, (t) => {
    const openssl = new OpenSsl(t);
    const own = foreignRoot(openssl, { key });
    const text = openssl.run("x509", "-in", openssl.write("root.crt", own.certificatePem), "-text");
    const checked = checkNewRoot(text, own.keyPem, NOW);
    t.is(checked.certificatePem, own.certificatePem);
    t.true(createPrivateKey(checked.keyPem!).equals(createPrivateKey(own.keyPem)));
    t.is(checkNewRoot(own.certificatePem, undefined, NOW).keyPem, undefined);
  });
}

test("keys in the older forms become PKCS #8", (t) => {
  const openssl = new OpenSsl(t);
  const own = foreignRoot(openssl);
  const sec1 = openssl.run("ec", "-in", openssl.write("k", own.keyPem));
  t.regex(sec1, /BEGIN EC PRIVATE KEY/);
  t.regex(checkNewRoot(own.certificatePem, sec1, NOW).keyPem!, /BEGIN PRIVATE KEY/);
});

const REFUSED: readonly (readonly [string, ForeignRootOptions, CertificateFault, RegExp])[] = [
  ["less than a year", { days: 364 }, "expires-soon", /expires too soon/],
  ["no CA", { extensions: ["basicConstraints=critical,CA:FALSE"] }, "no-ca", /not a CA certificate/],
  ["signs no certificates", { extensions: ["basicConstraints=CA:TRUE", "keyUsage=cRLSign"] }, "no-ca", /not a CA/],
  ["SHA-1", { digest: "-sha1" }, "unsupported-algorithm", /unsupported signature algorithm/],
  ["an Edwards curve", { key: ["-algorithm", "ED25519"] }, "unsupported-algorithm", /unsupported key/],
  [
    "a rule that is not known",
    { extensions: ["basicConstraints=critical,CA:TRUE", "1.2.3.4=critical,DER:0500"] },
    "malformed",
    /critical extension that is not known \(1\.2\.3\.4\)/,
  ],
];

for (const [name, options, fault, message] of REFUSED) {
  test(`refused: ${name}`, (t) => {
    const own = foreignRoot(new OpenSsl(t), options);
    const error = t.throws(() => checkNewRoot(own.certificatePem, own.keyPem, NOW), { instanceOf: CertificateError });
    t.is(error?.fault, fault);
    t.regex(error!.message, message);
  });
}

const faultOf = (certificatePem: string, keyPem: string | undefined, nowMs = NOW): CertificateFault | undefined => {
  try {
    checkNewRoot(certificatePem, keyPem, nowMs);
    return undefined;
  } catch (error) {
    if (error instanceof CertificateError) return error.fault;
    throw error;
  }
};

test("two certificates, another's key, no key, no certificate, not yet, not by itself", (t) => {
  const [one, other] = [makeRootCa(NOW), makeRootCa(NOW)];
  t.is(faultOf(one.certificatePem, one.keyPem), undefined);
  t.is(faultOf(one.certificatePem + other.certificatePem, one.keyPem), "too-many");
  t.is(faultOf(one.certificatePem, other.keyPem), "key-mismatch");
  t.is(faultOf(one.certificatePem, "hello"), "malformed");
  t.is(faultOf("hello", one.keyPem), "missing");
  t.is(faultOf(one.certificatePem, one.keyPem, NOW - DAY_MS), "not-yet-valid");
  const nobody = selfSignedCertificate({ commonName: "x", dnsNames: ["x"] }, NOW);
  t.is(faultOf(nobody.certificatePem, nobody.keyPem), "no-ca");
});

test("one that another signed is no root", (t) => {
  const openssl = new OpenSsl(t);
  const above = foreignRoot(openssl);
  openssl.write("ca.crt", above.certificatePem);
  openssl.write("ca.key", above.keyPem);
  const key = openssl.run("genpkey", ...P256);
  openssl.write("sub.key", key);
  openssl.write("sub.csr", openssl.run("req", "-new", "-key", "sub.key", "-subj", "/CN=below"));
  openssl.write("ext.cnf", "basicConstraints=critical,CA:TRUE");
  const below = openssl.run(
    ...["x509", "-req", "-in", "sub.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "900", "-extfile", "ext.cnf"],
  );
  t.is(faultOf(below, key), "not-self-signed");
});

test("an encrypted key is told from a damaged one, and no error holds any of it", (t) => {
  const openssl = new OpenSsl(t);
  const own = foreignRoot(openssl);
  const sealed = openssl.run("pkcs8", "-topk8", "-in", openssl.write("k", own.keyPem), "-passout", "pass:secret");
  const error = t.throws(() => checkNewRoot(own.certificatePem, sealed, NOW), { instanceOf: CertificateError });
  t.regex(error!.message, /encrypted/);
  const damaged = own.keyPem.replace(/[A-Z]/, "!");
  const other = t.throws(() => checkNewRoot(own.certificatePem, damaged, NOW), { instanceOf: CertificateError });
  t.is(other!.message, "malformed private key");
});

test("the same key in another certificate is seen", (t) => {
  const openssl = new OpenSsl(t);
  const own = foreignRoot(openssl);
  const again = openssl.run("req", "-x509", "-new", "-key", "own.key", "-subj", "/CN=Again", "-days", "3000");
  t.true(haveSameKey(own.certificatePem, again));
  t.false(haveSameKey(own.certificatePem, makeRootCa(NOW).certificatePem));
});
