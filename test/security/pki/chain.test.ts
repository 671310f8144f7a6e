import { X509Certificate } from "node:crypto";
import test, { type ExecutionContext } from "ava";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { CertificateError, type CertificateFault } from "../../../src/security/pki/certificate-error.js";
import { certificateFacts } from "../../../src/security/pki/certificate-facts.js";
import type { CertificateAuthority } from "../../../src/security/pki/certified-key.js";
import { type ChainOptions, checkChain, readRoots } from "../../../src/security/pki/chain.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { issueCertificate } from "../../../src/security/pki/issue.js";
import { crossSign, makeRootCa } from "../../../src/security/pki/root-ca.js";
import { foreignRoot, OpenSsl, P256 } from "./openssl.js";

const NOW = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;

const root = makeRootCa(NOW);
const next = makeRootCa(NOW);
const crossed = crossSign(next.certificatePem, root);

const chainOf = (ca: CertificateAuthority, role = NodeRole.WORKER) =>
  issueCertificate({
    ca,
    csr: makeCsr().csrPem,
    nodeId: "node1",
    role,
    clusterId: "cluster1",
    notBeforeMs: NOW - 3_600_000,
    notAfterMs: NOW + 90 * DAY_MS,
  });

const certificatePem = chainOf(root);
const good: ChainOptions = {
  certificatePem,
  rootPem: root.certificatePem,
  nowMs: NOW,
  expected: { clusterId: "cluster1", nodeId: "node1", role: NodeRole.WORKER },
};

function fault(t: ExecutionContext, options: Partial<ChainOptions>): CertificateError {
  return t.throws(() => checkChain({ ...good, ...options }), { instanceOf: CertificateError })!;
}

test("a node's certificate chains to its root, which signed it", (t) => {
  const [leaf, issuer, ...more] = checkChain(good);
  t.is(leaf!.subject.commonName, "node1");
  t.deepEqual(issuer!.der, readRoots(root.certificatePem)[0]!.der);
  t.is(more.length, 0);
});

const FAULTS: readonly (readonly [string, Partial<ChainOptions>, CertificateFault, RegExp])[] = [
  ["another root", { rootPem: next.certificatePem }, "untrusted", /does not chain to a trusted root \("swarm-ca"/],
  ["too late", { nowMs: NOW + 91 * DAY_MS }, "expired", /expired at 2026-08-30T00:00:00Z/],
  ["too early", { nowMs: NOW - DAY_MS }, "not-yet-valid", /this host's clock says 2026-05-31T00:00:00Z: is it right\?/],
  ["another cluster", { expected: { clusterId: "c2" } }, "wrong-organization", /for cluster "cluster1", not for c2/],
  ["another node", { expected: { nodeId: "node2" } }, "wrong-node", /for node "node1", not for node2/],
  ["another role", { expected: { role: NodeRole.MANAGER } }, "wrong-role", /a "swarm-worker", not for a swarm-manager/],
  ["no certificate", { certificatePem: "" }, "missing", /no certificate found/],
  ["a node as root", { rootPem: certificatePem }, "no-ca", /is no CA certificate/],
  ["no root", { rootPem: "nothing" }, "missing", /no certificate found/],
  ["half a certificate", { certificatePem: certificatePem.slice(0, 300) }, "malformed", /has no end/],
];

for (const [name, options, expected, message] of FAULTS) {
  test(`refused: ${name}`, (t) => {
    const error = fault(t, options);
    t.is(error.fault, expected);
    t.regex(error.message, message);
    t.false(error.message.includes("\n"));
  });
}

test("without a time it does not count", (t) => {
  t.notThrows(() => checkChain({ ...good, nowMs: undefined }));
});

test("over the intermediate, over the new root alone, and by the shorter way with both", (t) => {
  const turned = chainOf({ ...next, intermediatesPem: crossed });
  const lengthWith = (rootPem: string) => checkChain({ ...good, certificatePem: turned, rootPem }).length;
  t.is(lengthWith(root.certificatePem), 3);
  t.is(lengthWith(next.certificatePem), 2);
  t.is(lengthWith(root.certificatePem + next.certificatePem), 2);
  t.is(fault(t, { certificatePem: chainOf(next) }).fault, "untrusted");
});

test("several changes of roots in a row: a long way is found, in any order of the certificates, and has its limit", (t) => {
  const roots = [root];
  const crossings: string[] = [];
  for (let count = 0; count < 6; count++) {
    const following = makeRootCa(NOW);
    crossings.unshift(crossSign(following.certificatePem, roots.at(-1)!));
    roots.push(following);
  }
  const upTo = (count: number) => crossings.slice(-count).join("");
  const of = (count: number) => ({ ...good, certificatePem: chainOf(roots[count]!) + upTo(count) });
  t.is(checkChain(of(4)).length, 6);
  t.is(fault(t, of(5)).fault, "untrusted");
});

test("a certificate with another's name under it, or a byte changed, is not signed by the root", (t) => {
  const { der } = certificateFacts(certificatePem);
  const changed = Buffer.from(der);
  changed[der.indexOf("node1")] = "m".charCodeAt(0);
  const text = new X509Certificate(changed).toString();
  t.is(fault(t, { certificatePem: text, expected: {} }).fault, "untrusted");
});

test("a node cannot sign for others", (t) => {
  const { csrPem, keyPem } = makeCsr();
  const nodePem = issueCertificate({
    ca: root,
    csr: csrPem,
    nodeId: "node1",
    role: NodeRole.MANAGER,
    clusterId: "cluster1",
    notBeforeMs: NOW,
    notAfterMs: NOW + DAY_MS,
  });
  const forged = chainOf({ certificatePem: nodePem, keyPem, intermediatesPem: nodePem });
  t.is(fault(t, { certificatePem: forged }).fault, "untrusted");
});

test("roots expire too", (t) => {
  const early = makeRootCa(NOW - 631_000_000_000);
  const late = issueCertificate({
    ca: early,
    csr: makeCsr().csrPem,
    nodeId: "node1",
    role: NodeRole.WORKER,
    clusterId: "cluster1",
    notBeforeMs: NOW - DAY_MS,
    notAfterMs: NOW + DAY_MS,
  });
  // It was cut to its root's end.
  t.is(fault(t, { certificatePem: late, rootPem: early.certificatePem }).fault, "expired");
  const error = fault(t, { rootPem: makeRootCa(NOW + 9 * DAY_MS).certificatePem + early.certificatePem });
  t.is(error.fault, "untrusted");
});

test("what openssl signs as an external authority might: taken, and refused where it would not serve", (t) => {
  const openssl = new OpenSsl(t);
  const own = foreignRoot(openssl);
  openssl.write("ca.crt", own.certificatePem);
  openssl.write("ca.key", own.keyPem);
  openssl.write("node.csr", makeCsr().csrPem);
  const sign = (...extensions: string[]) => {
    openssl.write("ext.cnf", extensions.join("\n"));
    return openssl.run(
      ...["x509", "-req", "-in", "node.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "30"],
      ...["-extfile", "ext.cnf"],
    );
  };
  const check = (pem: string) => checkChain({ certificatePem: pem, rootPem: own.certificatePem, nowMs: Date.now() });
  t.is(check(sign("extendedKeyUsage=serverAuth,clientAuth")).length, 2);
  t.is(check(sign("subjectAltName=DNS:a,IP:1.2.3.4")).length, 2);
  const faultOf = (pem: string) => t.throws(() => check(pem), { instanceOf: CertificateError })?.fault;
  t.is(faultOf(sign("extendedKeyUsage=serverAuth")), "wrong-purpose");
  t.is(faultOf(sign("1.2.3.4=critical,DER:0500")), "malformed");
});

test("a root that allows nothing between is not led to over an intermediate; one that allows one is", (t) => {
  const openssl = new OpenSsl(t);
  openssl.write(
    "ext.cnf",
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash",
  );
  const subKey = openssl.run("genpkey", ...P256);
  openssl.write("sub.key", subKey);
  openssl.write("sub.csr", openssl.run("req", "-new", "-key", "sub.key", "-subj", "/CN=between"));
  const nowMs = Date.now();
  const over = (pathLength: number) => {
    const above = foreignRoot(openssl, { extensions: [`basicConstraints=critical,CA:TRUE,pathlen:${pathLength}`] });
    openssl.write("ca.crt", above.certificatePem);
    openssl.write("ca.key", above.keyPem);
    const sub = openssl.run(
      ...["x509", "-req", "-in", "sub.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "900", "-extfile", "ext.cnf"],
    );
    const certificatePem = issueCertificate({
      ca: { certificatePem: sub, keyPem: subKey, intermediatesPem: sub },
      csr: makeCsr().csrPem,
      nodeId: "n",
      role: NodeRole.WORKER,
      clusterId: "c",
      notBeforeMs: nowMs,
      notAfterMs: nowMs + DAY_MS,
    });
    const chain = openssl.write("chain.pem", certificatePem);
    const { ok } = openssl.says("verify", "-CAfile", "ca.crt", "-untrusted", chain, chain);
    return { certificatePem, rootPem: above.certificatePem, isValid: ok };
  };
  const [narrow, wide] = [over(0), over(1)];
  t.false(narrow.isValid);
  t.is(t.throws(() => checkChain(narrow), { instanceOf: CertificateError })?.fault, "untrusted");
  t.true(wide.isValid);
  t.is(checkChain(wide).length, 3);
});
