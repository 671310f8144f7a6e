import { X509Certificate } from "node:crypto";
import test from "ava";
import { tlsInfoOf } from "../../../src/security/node-certificate/tls-info.js";
import { certificateFacts } from "../../../src/security/pki/certificate-facts.js";
import { crossSign, makeRootCa } from "../../../src/security/pki/root-ca.js";
import { issued, START_MS } from "./issued.js";

const root = makeRootCa(START_MS);
const next = makeRootCa(START_MS, { commonName: "swarm-ca", organization: "next" });

const keyOf = (pem: string) => new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });

test("a node says by whose key it is signed, and whom it trusts", (t) => {
  t.deepEqual(tlsInfoOf(issued({ ca: root })), {
    trustRoot: Buffer.from(root.certificatePem),
    certIssuerSubject: certificateFacts(root.certificatePem).subjectDer,
    certIssuerPublicKey: keyOf(root.certificatePem),
  });
});

test("while one root follows another, it is the next one's as soon as it signed, whatever the node trusts", (t) => {
  const turned = issued({ ca: { ...next, intermediatesPem: crossSign(next.certificatePem, root) } });
  for (const rootPem of [root.certificatePem, root.certificatePem + next.certificatePem, next.certificatePem]) {
    const { certIssuerSubject, certIssuerPublicKey, trustRoot } = tlsInfoOf({ ...turned, rootPem });
    t.deepEqual(certIssuerSubject, certificateFacts(next.certificatePem).subjectDer);
    t.deepEqual(certIssuerPublicKey, keyOf(next.certificatePem));
    t.is(trustRoot.toString(), rootPem);
  }
});
