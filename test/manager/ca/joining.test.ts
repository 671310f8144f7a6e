/** How a node gets its first certificate, and others after it. */
import test from "ava";
import { CAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import {
  NodeSpec_Availability as Availability,
  NodeSpec_Membership as Membership,
} from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { IssuanceStatus_State as Issuance, NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { NodeIdentityService } from "../../../src/api/generated/tswarm/v1/identity.js";
import { withRemoved } from "../../../src/manager/ca/removed-nodes.js";
import { certificateFacts } from "../../../src/security/pki/certificate-facts.js";
import { checkChain } from "../../../src/security/pki/chain.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { parseJoinToken } from "../../../src/security/pki/join-token.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { rootDigest } from "../../../src/security/pki/root-digest.js";
import { TlsIdentity } from "../../../src/security/tls/tls-identity.js";
import { OpenSsl } from "../../security/pki/openssl.js";
import { AuthorityBed, MANAGER_ID, outcomeOf } from "./authority-bed.js";

const { WORKER, MANAGER } = NodeRole;
const DAY_MS = 86_400_000;
const NO_TOKEN = "INVALID_ARGUMENT: A valid join token is necessary to join this cluster";

test("anybody gets the root, and the join tokens hold its digest", async (t) => {
  const bed = await AuthorityBed.start(t);
  const { certificate } = await bed.call(bed.nobody, CAService.getRootCaCertificate, {});
  t.is(certificate.toString(), bed.rootPem);
  t.is(bed.cluster.rootCa?.caCertHash, rootDigest(certificate));
  const { worker, manager } = bed.tokens;
  for (const token of [worker, manager]) t.is(parseJoinToken(token).digest, rootDigest(certificate));
  t.not(worker, manager);
});

test("the worker's token makes a worker, the manager's a node that is to manage; the agent's certificate is a worker's", async (t) => {
  const bed = await AuthorityBed.start(t);
  const openssl = new OpenSsl(t);
  for (const [token, role] of [
    [bed.tokens.worker, WORKER],
    [bed.tokens.manager, MANAGER],
  ] as const) {
    const joined = await bed.join(token);
    t.is(joined.role, role);
    const node = bed.node(joined.nodeId)!;
    t.is(node.role, role);
    t.is(node.spec?.desiredRole, role);
    t.is(node.spec?.membership, Membership.ACCEPTED);
    const certificatePem = joined.certificate.toString();
    const expected = { clusterId: bed.cluster.id, nodeId: joined.nodeId, role: WORKER };
    t.notThrows(() => checkChain({ certificatePem, rootPem: bed.rootPem, nowMs: bed.clock.now(), expected }));
    const verified = openssl.verify(certificatePem, bed.rootPem);
    t.true(verified.ok, verified.text);
    t.is(joined.rootCa.toString(), bed.rootPem);
    t.like(node.certificate, { role: WORKER, cn: joined.nodeId, status: { state: Issuance.ISSUED } });
    t.is(node.certificate?.certificate.toString(), certificatePem);
    const { notBeforeMs, notAfterMs } = certificateFacts(certificatePem);
    t.true(Math.abs(notAfterMs - bed.clock.now() - 90 * DAY_MS) < 1000);
    t.true(Math.abs(bed.clock.now() - notBeforeMs - 3_600_000) < 1000);
  }
});

test("one join is one entry of the log", async (t) => {
  const bed = await AuthorityBed.start(t);
  const before = bed.store.version;
  await bed.join(bed.tokens.worker);
  await bed.idle();
  t.is(bed.store.version, before + 1);
});

test("a node begins with the availability that it asks for, and certificates last as long as the cluster says", async (t) => {
  const bed = await AuthorityBed.start(t);
  await bed.updateCluster((cluster) => ({
    ...cluster,
    spec: {
      ...cluster.spec!,
      caConfig: { ...cluster.spec!.caConfig!, nodeCertExpiry: { seconds: 7200, nanos: 0 } },
    },
  }));
  const request = {
    token: bed.tokens.worker,
    csr: Buffer.from(makeCsr().csrPem),
    availability: Availability.DRAIN,
  };
  const { nodeId, certificate } = await bed.call(bed.nobody, NodeIdentityService.join, request);
  t.is(bed.node(nodeId)?.spec?.availability, Availability.DRAIN);
  const { notAfterMs } = certificateFacts(certificate.toString());
  t.true(Math.abs(notAfterMs - bed.clock.now() - 7_200_000) < 1000);
});

test("who has no token of the cluster, or no proper request, does not get in and leaves nothing", async (t) => {
  const bed = await AuthorityBed.start(t);
  const { worker } = bed.tokens;
  const { csrPem } = makeCsr();
  const tampered = csrPem.replace(
    /^(.*\n.{10})(.)/,
    (_, head: string, digit: string) => head + (digit === "A" ? "B" : "A"),
  );
  const join = (token: string, csr: string) =>
    outcomeOf(bed.call(bed.nobody, NodeIdentityService.join, { token, csr: Buffer.from(csr), availability: 0 }));
  t.is(await join("", csrPem), NO_TOKEN);
  t.is(await join(worker.slice(0, -1), csrPem), NO_TOKEN);
  t.is(await join(`${worker.slice(0, -1)}${worker.endsWith("0") ? "1" : "0"}`, csrPem), NO_TOKEN);
  t.is(await join("SWMTKN-1-nonsense", csrPem), NO_TOKEN);
  t.regex(await join(worker, ""), /^INVALID_ARGUMENT: .*certificate request/);
  t.regex(await join(worker, "nonsense"), /^INVALID_ARGUMENT: .*certificate request/);
  t.regex(await join(worker, tampered), /^INVALID_ARGUMENT: .*certificate request/);
  t.regex(await join(worker, "x".repeat(20_000)), /^INVALID_ARGUMENT: .*at most/);
  t.is(bed.nodes.length, 1);
});

test("a token that was rotated away counts no more, the other one does", async (t) => {
  const bed = await AuthorityBed.start(t);
  const old = bed.tokens;
  await bed.updateCluster((cluster) => ({
    ...cluster,
    rootCa: { ...cluster.rootCa!, joinTokens: { ...old, worker: `${old.worker.slice(0, -3)}xyz` } },
  }));
  t.is(await outcomeOf(bed.join(old.worker)), NO_TOKEN);
  t.is((await bed.join(bed.tokens.worker)).role, WORKER);
  t.is((await bed.join(old.manager)).role, MANAGER);
});

test("after many wrong tokens an address is not listened to for a while, right or wrong", async (t) => {
  const bed = await AuthorityBed.start(t);
  const wrong = () => outcomeOf(bed.join("SWMTKN-1-wrong"));
  let outcome = await wrong();
  for (let i = 0; i < 50 && outcome === NO_TOKEN; i++) outcome = await wrong();
  t.regex(outcome, /^RESOURCE_EXHAUSTED: too many wrong join tokens/);
  t.regex(await outcomeOf(bed.join(bed.tokens.worker)), /^RESOURCE_EXHAUSTED/);
  bed.clock.advance(600_000);
  t.is(await outcomeOf(bed.join(bed.tokens.worker)), "OK");
});

test("a node gets another certificate of its role, and the old key is not needed for it", async (t) => {
  const bed = await AuthorityBed.start(t);
  const { nodeId, identity } = await bed.join(bed.tokens.worker);
  const renewed = await bed.renew(identity, WORKER);
  const { subject, publicKeyDer } = certificateFacts(renewed.certificate.toString());
  t.is(subject.commonName, nodeId);
  t.notDeepEqual(publicKeyDer, certificateFacts(identity.current!.certificatePem).publicKeyDer);
  t.is(bed.node(nodeId)?.certificate?.certificate.toString(), renewed.certificate.toString());
  t.is(await outcomeOf(bed.renew(renewed.identity, WORKER)), "OK");
});

test("a manager's certificate is for nodes alone that are to be managers at this moment", async (t) => {
  const bed = await AuthorityBed.start(t);
  const { nodeId, identity } = await bed.join(bed.tokens.worker);
  const refusal = `PERMISSION_DENIED: Permission denied: the cluster does not want node ${nodeId} to be a manager`;
  t.is(await outcomeOf(bed.renew(identity, MANAGER)), refusal);
  const want = (desiredRole: NodeRole) =>
    bed.updateNode(nodeId, (node) => ({ ...node, spec: { ...node.spec!, desiredRole } }));
  await want(MANAGER);
  const version = bed.store.version;
  const asManager = await bed.renew(identity, MANAGER);
  const expected = { clusterId: bed.cluster.id, nodeId, role: MANAGER };
  t.notThrows(() => checkChain({ certificatePem: asManager.certificate.toString(), rootPem: bed.rootPem, expected }));
  t.is(bed.store.version, version, "the store keeps the agent's certificate");
  await want(WORKER);
  t.is(await outcomeOf(bed.renew(identity, MANAGER)), refusal);
  t.is(await outcomeOf(bed.renew(asManager.identity, MANAGER)), refusal, "its manager's certificate does not help");
  t.is(await outcomeOf(bed.renew(asManager.identity, WORKER)), "OK");
});

test("who asks for a role that there is not is told so", async (t) => {
  const bed = await AuthorityBed.start(t);
  t.regex(await outcomeOf(bed.renew(bed.manager, 7 as NodeRole)), /^INVALID_ARGUMENT: .*no such role/);
});

test("removed, unknown and foreign nodes get nothing, nor does who shows no certificate", async (t) => {
  const bed = await AuthorityBed.start(t);
  const removed = await bed.join(bed.tokens.worker);
  const unknown = await bed.join(bed.tokens.worker);
  await bed.store.update((tx) => {
    tx.update("cluster", withRemoved(tx.all("cluster")[0]!, tx.get("node", removed.nodeId)!, bed.clock.now()));
    tx.remove("node", removed.nodeId);
    tx.remove("node", unknown.nodeId);
  });
  t.is(
    await outcomeOf(bed.renew(removed.identity, WORKER)),
    `PERMISSION_DENIED: Permission denied: node ${removed.nodeId} was removed from swarm`,
  );
  t.is(
    await outcomeOf(bed.renew(unknown.identity, WORKER)),
    `NOT_FOUND: node ${unknown.nodeId} not found when attempting to renew certificate`,
  );
  const csr = { role: WORKER, csr: Buffer.from(makeCsr().csrPem) };
  t.regex(
    await outcomeOf(bed.call(bed.nobody, NodeIdentityService.renew, csr)),
    /^(PERMISSION_DENIED|UNAUTHENTICATED)/,
  );
  const { certificatePem, keyPem } = makeRootCa(Date.now());
  const foreign = new TlsIdentity({ certificatePem, keyPem, rootPem: bed.rootPem });
  t.not(await outcomeOf(bed.renew(foreign, WORKER)), "OK");
});

test("a request that is sent again makes another node, not the same", async (t) => {
  const bed = await AuthorityBed.start(t);
  const csr = makeCsr();
  const first = await bed.join(bed.tokens.worker, csr);
  const second = await bed.join(bed.tokens.worker, csr);
  t.not(first.nodeId, second.nodeId);
});

test("a new node is told of the managers", async (t) => {
  const bed = await AuthorityBed.start(t);
  await bed.updateNode(MANAGER_ID, (node) => ({
    ...node,
    managerStatus: { raftId: "1", addr: "10.0.0.1:2377", leader: true, reachability: 2 },
  }));
  const { managers } = await bed.join(bed.tokens.worker);
  t.deepEqual(
    managers.map(({ peer }) => peer),
    [{ nodeId: MANAGER_ID, addr: "10.0.0.1:2377" }],
  );
});
