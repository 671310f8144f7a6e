/** How SwarmKit's nodes get their certificates: a request that is written down, and a call that waits for it. */
import test from "ava";
import { NodeCAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import type { ExternalSigner } from "../../../src/manager/ca/cluster-signer.js";
import type { Signed } from "../../../src/manager/ca/signing.js";
import { checkChain } from "../../../src/security/pki/chain.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { TlsIdentity } from "../../../src/security/tls/tls-identity.js";
import { OpenSsl } from "../../security/pki/openssl.js";
import { AuthorityBed, MANAGER_ID, outcomeOf } from "./authority-bed.js";

const { WORKER, MANAGER } = NodeRole;
const { issueNodeCertificate, nodeCertificateStatus } = NodeCAService;

const asked = (token: string, csrPem = makeCsr().csrPem) => ({
  role: WORKER,
  csr: Buffer.from(csrPem),
  token,
  availability: 0,
});

test("with a token: the node is there at once, and its certificate as soon as it is signed", async (t) => {
  const bed = await AuthorityBed.start(t);
  const openssl = new OpenSsl(t);
  for (const [token, role] of [
    [bed.tokens.worker, WORKER],
    [bed.tokens.manager, MANAGER],
  ] as const) {
    const { nodeId, nodeMembership } = await bed.call(bed.nobody, issueNodeCertificate, asked(token));
    t.is(nodeMembership, 1);
    t.is(bed.node(nodeId)?.role, role);
    const { status, certificate } = await bed.call(bed.nobody, nodeCertificateStatus, { nodeId });
    t.is(status?.state, Issuance.ISSUED);
    t.is(certificate?.cn, nodeId);
    t.is(certificate?.role, role);
    const certificatePem = certificate!.certificate.toString();
    const expected = { clusterId: bed.cluster.id, nodeId, role };
    t.notThrows(() => checkChain({ certificatePem, rootPem: bed.rootPem, nowMs: bed.clock.now(), expected }));
    const verified = openssl.verify(certificatePem, bed.rootPem);
    t.true(verified.ok, verified.text);
  }
});

test("with a certificate: another one of the role that the node has by now, whatever token comes along", async (t) => {
  const bed = await AuthorityBed.start(t);
  const { nodeId, identity } = await bed.join(bed.tokens.worker);
  const renew = async () => {
    const { csrPem, keyPem } = makeCsr();
    const answer = await bed.call(
      identity.channelCredentials(),
      issueNodeCertificate,
      asked(bed.tokens.manager, csrPem),
    );
    t.is(answer.nodeId, nodeId);
    const { certificate } = await bed.call(bed.nobody, nodeCertificateStatus, { nodeId });
    const certificatePem = certificate!.certificate.toString();
    return { certificatePem, identity: new TlsIdentity({ certificatePem, keyPem, rootPem: bed.rootPem }) };
  };
  const { clusterId, rootPem } = { clusterId: bed.cluster.id, rootPem: bed.rootPem };
  const first = await renew();
  t.notThrows(() =>
    checkChain({ certificatePem: first.certificatePem, rootPem, expected: { clusterId, nodeId, role: WORKER } }),
  );
  await bed.updateNode(nodeId, (node) => ({ ...node, role: MANAGER }));
  const second = await renew();
  t.notThrows(() =>
    checkChain({ certificatePem: second.certificatePem, rootPem, expected: { clusterId, nodeId, role: MANAGER } }),
  );
  t.is(bed.nodes.length, 2);
});

test("a call that waits is answered when the certificate is signed, when the node goes, and when it takes too long", async (t) => {
  const bed = await AuthorityBed.start(t, { isIdle: true });
  const { nodeId } = await bed.call(bed.nobody, issueNodeCertificate, asked(bed.tokens.worker));
  t.is(bed.node(nodeId)?.certificate?.status?.state, Issuance.PENDING);
  const wait = () => bed.call(bed.nobody, nodeCertificateStatus, { nodeId });
  const pending = () => bed.clock.pending;

  const late = wait();
  await until(() => pending() === 1);
  bed.clock.advance(30_000);
  t.is((await late).status?.state, Issuance.PENDING);
  t.is(pending(), 0);

  const signed = wait();
  await until(() => pending() === 1);
  for (const loop of bed.loops) loop.start();
  t.is((await signed).status?.state, Issuance.ISSUED);

  await bed.updateNode(nodeId, (node) => ({
    ...node,
    certificate: { ...node.certificate!, csr: Buffer.from("damaged"), status: { state: Issuance.UNKNOWN, err: "" } },
  }));
  await bed.store.update((tx) => tx.remove("node", nodeId));
  t.is(await outcomeOf(wait()), `NOT_FOUND: node ${nodeId} not found`);
});

test("the end of a term ends the calls that wait", async (t) => {
  const bed = await AuthorityBed.start(t, { isIdle: true });
  const { nodeId } = await bed.call(bed.nobody, issueNodeCertificate, asked(bed.tokens.worker));
  const waiting = outcomeOf(bed.call(bed.nobody, nodeCertificateStatus, { nodeId }));
  await until(() => bed.clock.pending === 1);
  bed.authority.stop();
  t.regex(await waiting, /^UNAVAILABLE: this manager leads no more/);
  t.regex(await outcomeOf(bed.call(bed.nobody, nodeCertificateStatus, { nodeId })), /^UNAVAILABLE/);
  t.is(bed.clock.pending, 0);
});

test("what cannot be read is refused; found in the store it is failed, and the rest goes on", async (t) => {
  const bed = await AuthorityBed.start(t);
  t.regex(
    await outcomeOf(bed.call(bed.nobody, issueNodeCertificate, asked(bed.tokens.worker, "nonsense"))),
    /^INVALID_ARGUMENT: .*certificate request/,
  );
  t.is(
    await outcomeOf(bed.call(bed.nobody, issueNodeCertificate, asked("SWMTKN-1-x"))),
    "INVALID_ARGUMENT: A valid join token is necessary to join this cluster",
  );
  t.regex(await outcomeOf(bed.call(bed.nobody, nodeCertificateStatus, { nodeId: "" })), /^INVALID_ARGUMENT/);
  const status = { state: Issuance.PENDING, err: "" };
  const csr = Buffer.from("nonsense");
  await bed.updateNode(MANAGER_ID, (node) => ({
    ...node,
    certificate: { role: MANAGER, csr, status, certificate: Buffer.alloc(0), cn: MANAGER_ID },
  }));
  const { nodeId } = await bed.call(bed.nobody, issueNodeCertificate, asked(bed.tokens.worker));
  const good = await bed.call(bed.nobody, nodeCertificateStatus, { nodeId });
  t.is(good.status?.state, Issuance.ISSUED);
  const bad = await bed.call(bed.nobody, nodeCertificateStatus, { nodeId: MANAGER_ID });
  t.is(bad.status?.state, Issuance.FAILED);
  t.regex(bad.status?.err ?? "", /certificate request/);
});

test("what cannot be signed now is signed ten seconds later, and one line says why", async (t) => {
  let isDown = true;
  const inner: { sign?: ExternalSigner["sign"] } = {};
  const external: ExternalSigner = {
    sign: async (cluster, requests) =>
      isDown
        ? requests.map((): Signed => ({ kind: "failed", reason: "nobody is there" }))
        : inner.sign!(cluster, requests),
  };
  const bed = await AuthorityBed.start(t, { external });
  const withKey = bed.cluster.rootCa!;
  await bed.updateCluster((cluster) => ({ ...cluster, rootCa: { ...withKey, caKey: Buffer.alloc(0) } }));
  const { nodeId } = await bed.call(bed.nobody, issueNodeCertificate, asked(bed.tokens.worker));
  await bed.idle();
  await bed.pass(10_000);
  t.is(bed.node(nodeId)?.certificate?.status?.state, Issuance.PENDING);
  t.deepEqual(
    bed.logged.filter((line) => line.includes("cannot be signed")),
    ["certificates of 1 nodes cannot be signed now: nobody is there"],
  );
  t.regex(
    await outcomeOf(bed.join(bed.tokens.worker)),
    /^UNAVAILABLE: the certificate cannot be signed now: nobody is there/,
  );
  isDown = false;
  await bed.updateCluster((cluster) => ({ ...cluster, rootCa: withKey }));
  await bed.pass(9000);
  t.is(bed.node(nodeId)?.certificate?.status?.state, Issuance.PENDING);
  await bed.pass(1000);
  t.is(bed.node(nodeId)?.certificate?.status?.state, Issuance.ISSUED);
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
