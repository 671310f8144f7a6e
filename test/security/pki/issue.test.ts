import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import test from "ava";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { CertificateError } from "../../../src/security/pki/certificate-error.js";
import { certificateFacts, readCertificates } from "../../../src/security/pki/certificate-facts.js";
import type { CertificateAuthority } from "../../../src/security/pki/certified-key.js";
import { makeCsr, readCsr } from "../../../src/security/pki/csr.js";
import { type IssueOptions, issueCertificate } from "../../../src/security/pki/issue.js";
import { crossSign, makeRootCa } from "../../../src/security/pki/root-ca.js";
import { foreignRoot, OpenSsl, P384, P521, RSA } from "./openssl.js";

const HOUR_MS = 3_600_000;
/** openssl and TLS sockets look at the host's own clock. */
const NOW = Math.floor(Date.now() / 1000) * 1000;

function issue(ca: CertificateAuthority, options: Partial<IssueOptions> = {}) {
  const { csrPem, keyPem } = makeCsr();
  const chainPem = issueCertificate({
    ca,
    csr: csrPem,
    nodeId: "node1",
    role: NodeRole.WORKER,
    clusterId: "cluster1",
    notBeforeMs: NOW - HOUR_MS,
    notAfterMs: NOW + 90 * 24 * HOUR_MS,
    ...options,
  });
  return { chainPem, keyPem };
}

test("a root is what SwarmKit's is: CN swarm-ca, P-256, 20 years, a CA that signs", (t) => {
  const { certificatePem } = makeRootCa(NOW);
  const certificate = new X509Certificate(certificatePem);
  t.is(certificate.subject, "CN=swarm-ca");
  t.true(certificate.ca);
  t.true(certificate.verify(certificate.publicKey));
  t.is(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  const openssl = new OpenSsl(t);
  const text = openssl.run("x509", "-in", openssl.write("root.crt", certificatePem), "-noout", "-text");
  t.regex(text, /Basic Constraints: critical\s+CA:TRUE\n/);
  t.regex(text, /Key Usage: critical\s+Digital Signature, Certificate Sign, CRL Sign\n/);
  t.is(certificateFacts(certificatePem).notAfterMs, NOW + 630_720_000_000);
  t.is(certificateFacts(certificatePem).notBeforeMs, NOW - HOUR_MS);
});

const ROLES = [
  [NodeRole.WORKER, "swarm-worker", "DNS:swarm-worker, DNS:node1"],
  [NodeRole.MANAGER, "swarm-manager", "DNS:swarm-manager, DNS:node1, DNS:swarm-ca"],
] as const;

for (const [role, unit, names] of ROLES) {
  test(`the certificate of a ${unit} names cluster, role and node, and serves both ends`, (t) => {
    const ca = makeRootCa(NOW);
    const { chainPem, keyPem } = issue(ca, { role });
    const certificate = new X509Certificate(chainPem);
    t.is(certificate.subject, `O=cluster1\nOU=${unit}\nCN=node1`);
    t.is(certificate.subjectAltName, names);
    t.false(certificate.ca);
    t.is(new Date(certificate.validFrom).getTime(), NOW - HOUR_MS);
    const openssl = new OpenSsl(t);
    for (const purpose of ["sslserver", "sslclient"]) {
      const said = openssl.verify(chainPem, ca.certificatePem, "-purpose", purpose, "-verify_hostname", unit);
      t.true(said.ok, said.text);
    }
    t.false(openssl.verify(chainPem, makeRootCa(NOW).certificatePem).ok);
    const text = openssl.run("x509", "-in", "chain.pem", "-noout", "-text");
    t.regex(text, /Key Usage: critical\s+Digital Signature, Key Encipherment\n/);
    t.is(
      openssl.run("pkey", "-in", openssl.write("k", keyPem), "-pubout"),
      openssl.run("x509", "-in", "chain.pem", "-noout", "-pubkey"),
    );
  });
}

test("openssl's requests with other keys get certificates that hold", (t) => {
  const openssl = new OpenSsl(t);
  const ca = makeRootCa(NOW);
  for (const key of [P384, RSA]) {
    const file = openssl.write("node.key", openssl.run("genpkey", ...key));
    const csr = openssl.run("req", "-new", "-key", file, "-subj", "/CN=another/O=another");
    const { chainPem } = issue(ca, { csr: readCsr(csr) });
    t.is(certificateFacts(chainPem).subject.commonName, "node1");
    const said = openssl.verify(chainPem, ca.certificatePem, "-purpose", "sslclient");
    t.true(said.ok, said.text);
  }
});

for (const [name, key, algorithm] of [
  ["P-384", P384, "ecdsa-with-SHA384"],
  ["P-521", P521, "ecdsa-with-SHA512"],
  ["RSA", RSA, "sha256WithRSAEncryption"],
] as const) {
  test(`a user's own root on ${name} signs nodes, and is followed by one of ours and follows it`, (t) => {
    const openssl = new OpenSsl(t);
    const own = foreignRoot(openssl, { key });
    const { chainPem } = issue(own);
    t.regex(openssl.run("x509", "-in", openssl.write("n", chainPem), "-noout", "-text"), new RegExp(algorithm));
    const plain = openssl.verify(chainPem, own.certificatePem);
    t.true(plain.ok, plain.text);
    const ours = makeRootCa(NOW);
    for (const [old, next] of [
      [own, ours],
      [ours, own],
    ] as const) {
      const turning = issue({ ...next, intermediatesPem: crossSign(next.certificatePem, old) });
      for (const root of [old, next]) {
        const said = openssl.verify(turning.chainPem, root.certificatePem, "-purpose", "sslclient");
        t.true(said.ok, said.text);
      }
    }
  });
}

test("no certificate outlives the root that signed it", (t) => {
  const ca = makeRootCa(NOW);
  const { notAfterMs } = certificateFacts(ca.certificatePem);
  t.is(certificateFacts(issue(ca, { notAfterMs: notAfterMs + 1000 }).chainPem).notAfterMs, notAfterMs);
  t.is(certificateFacts(issue(ca, { notAfterMs: notAfterMs - 1000 }).chainPem).notAfterMs, notAfterMs - 1000);
});

test("ids that could be more than an id are refused", (t) => {
  const ca = makeRootCa(NOW);
  for (const id of ["", "a b", "a\nb", "x".repeat(65), "*.example", "ä"]) {
    t.throws(() => issue(ca, { nodeId: id }), { instanceOf: RangeError });
    t.throws(() => issue(ca, { clusterId: id }), { instanceOf: RangeError });
  }
});

test("while one root follows another: whoever trusts either, or both, finds a way; who trusts neither does not", (t) => {
  const [old, next, other] = [makeRootCa(NOW), makeRootCa(NOW), makeRootCa(NOW)];
  const intermediatesPem = crossSign(next.certificatePem, old);
  const { chainPem } = issue({ ...next, intermediatesPem }, { role: NodeRole.MANAGER });
  t.is(readCertificates(chainPem).length, 2);
  const openssl = new OpenSsl(t);
  for (const roots of [[old], [next], [old, next], [next, old]]) {
    const said = openssl.verify(chainPem, roots.map((root) => root.certificatePem).join(""), "-purpose", "sslserver");
    t.true(said.ok, said.text);
  }
  t.false(openssl.verify(chainPem, other.certificatePem).ok);
  const crossed = openssl.run("x509", "-in", openssl.write("crossed.crt", intermediatesPem), "-noout", "-text");
  t.regex(crossed, /CA:TRUE/);
  const [made, was] = [certificateFacts(intermediatesPem), certificateFacts(next.certificatePem)];
  t.deepEqual(made.publicKeyDer, was.publicKeyDer);
  t.is(made.notAfterMs, was.notAfterMs);
  t.deepEqual(made.authorityKeyId, certificateFacts(old.certificatePem).subjectKeyId);
});

test("connections between all generations hold: old and new certificates, old and new trust", async (t) => {
  const [old, next] = [makeRootCa(NOW), makeRootCa(NOW)];
  const both = old.certificatePem + next.certificatePem;
  const turning = { ...next, intermediatesPem: crossSign(next.certificatePem, old) };
  const before = { ...issue(old, { role: NodeRole.MANAGER }), trusts: old.certificatePem };
  const asked = { ...issue(old, { role: NodeRole.MANAGER }), trusts: both };
  const turned = { ...issue(turning, { role: NodeRole.MANAGER }), trusts: both };
  const after = { ...issue(next, { role: NodeRole.MANAGER }), trusts: next.certificatePem };
  const held: string[] = [];
  const nodes = { before, asked, turned, after };
  for (const [server, one] of Object.entries(nodes)) {
    for (const [client, other] of Object.entries(nodes)) {
      if (await connects(one, other)) held.push(`${client} to ${server}`);
    }
  }
  // Who has not heard of the next root and who has forgotten the old one do not meet: all have turned before one forgets.
  const pairs = Object.keys(nodes).flatMap((server) => Object.keys(nodes).map((client) => `${client} to ${server}`));
  const apart = new Set(["before to after", "after to before", "asked to after", "after to asked"]);
  t.deepEqual(held.sort(), pairs.filter((pair) => !apart.has(pair)).sort());
});

interface Side {
  readonly chainPem: string;
  readonly keyPem: string;
  readonly trusts: string;
}

/** Whether both ends accept each other. */
async function connects(server: Side, client: Side): Promise<boolean> {
  const sideOf = ({ chainPem, keyPem, trusts }: Side) => ({ cert: chainPem, key: keyPem, ca: trusts });
  const listening = createServer({ ...sideOf(server), requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.end("welcome");
  });
  listening.on("tlsClientError", () => undefined);
  listening.listen(0, "127.0.0.1");
  await once(listening, "listening");
  const { port } = listening.address() as { port: number };
  const socket: TLSSocket = connect({ ...sideOf(client), host: "127.0.0.1", port, servername: "swarm-manager" });
  try {
    return await new Promise<boolean>((resolve) => {
      socket.on("data", () => resolve(true));
      socket.on("error", () => resolve(false));
      socket.on("close", () => resolve(false));
    });
  } finally {
    socket.destroy();
    listening.close();
  }
}

test("what is no root is not cross-signed, and what allows no intermediates cross-signs nothing", (t) => {
  const openssl = new OpenSsl(t);
  const [old, next] = [makeRootCa(NOW), makeRootCa(NOW)];
  const faultOf = (act: () => unknown) => t.throws(act, { instanceOf: CertificateError })?.fault;
  t.is(
    faultOf(() => crossSign(issue(old).chainPem, old)),
    "no-ca",
  );
  t.is(
    faultOf(() => crossSign(next.certificatePem + next.certificatePem, old)),
    "too-many",
  );
  const { keyPem, chainPem } = issue(old);
  t.is(
    faultOf(() => crossSign(next.certificatePem, { certificatePem: chainPem, keyPem })),
    "no-ca",
  );
  const narrow = foreignRoot(openssl, { extensions: ["basicConstraints=critical,CA:TRUE,pathlen:0"] });
  t.is(
    faultOf(() => crossSign(next.certificatePem, narrow)),
    "no-intermediates",
  );
});

test("a new root that names its own key as its issuer's is cross-signed with the old one's in that place", (t) => {
  const openssl = new OpenSsl(t);
  const own = foreignRoot(openssl, {
    subject: "/CN=swarm-ca",
    extensions: [
      ...["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
      ...["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid:always"],
    ],
  });
  const old = makeRootCa(NOW);
  const crossed = crossSign(own.certificatePem, old);
  const idOf = (pem: string) => certificateFacts(pem).subjectKeyId;
  t.deepEqual(certificateFacts(own.certificatePem).authorityKeyId, idOf(own.certificatePem));
  t.deepEqual(certificateFacts(crossed).authorityKeyId, idOf(old.certificatePem));
  const { chainPem } = issue({ ...own, intermediatesPem: crossed });
  for (const { certificatePem } of [old, own]) {
    const said = openssl.verify(chainPem, certificatePem);
    t.true(said.ok, said.text);
  }
});
