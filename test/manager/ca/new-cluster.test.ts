/** What a cluster begins with, and what it cannot begin with. */
import test from "ava";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { InitClusterRequest } from "../../../src/api/generated/tswarm/v1/node.js";
import { durationMs } from "../../../src/api/time.js";
import { unlockKeyOf } from "../../../src/manager/autolock/cluster-key.js";
import { firstManagerCertificate, newCluster } from "../../../src/manager/ca/new-cluster.js";
import { checkChain } from "../../../src/security/pki/chain.js";
import { parseJoinToken } from "../../../src/security/pki/join-token.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { rootDigest } from "../../../src/security/pki/root-digest.js";
import { foreignRoot, OpenSsl, RSA } from "../../security/pki/openssl.js";
import { seededBytes } from "../manual-clock.js";

const NOW_MS = Date.now() + 60_000;
const DAY_MS = 86_400_000;
const NODE_ID = "n".repeat(25);

type PartialRequest = Parameters<typeof InitClusterRequest.fromPartial>[0];

const begin = (request: PartialRequest = {}) =>
  newCluster({
    request: InitClusterRequest.fromPartial(request),
    defaults: { heartbeatPeriodMs: 5000, dataPathPort: 4789, electionTicks: 20, heartbeatTicks: 2 },
    random: seededBytes(1),
    nowMs: NOW_MS,
  });

test("with nothing asked for: a root of its own, tokens with its digest, and SwarmKit's settings", (t) => {
  const { cluster, availability } = begin();
  const { caCert, caKey, caCertHash, joinTokens } = cluster.rootCa!;
  t.is(caCertHash, rootDigest(caCert));
  t.true(caKey.length > 0);
  for (const token of [joinTokens!.worker, joinTokens!.manager]) t.is(parseJoinToken(token).digest, caCertHash);
  t.is(cluster.spec?.annotations?.name, "default");
  t.is(durationMs(cluster.spec?.caConfig?.nodeCertExpiry, 0), 90 * DAY_MS);
  t.like(cluster.spec?.raft, { electionTick: 20, heartbeatTick: 2, snapshotInterval: 10_000 });
  t.deepEqual([cluster.defaultAddressPool, cluster.subnetSize, cluster.VXLANUDPPort], [["10.0.0.0/8"], 24, 4789]);
  t.is(unlockKeyOf(cluster), undefined);
  t.is(availability, 0);
});

test("what is asked for holds, and the rest is as always", (t) => {
  const { cluster, availability } = begin({
    defaultAddrPool: ["10.20.0.0/16", "10.30.0.0/16"],
    defaultAddrPoolMaskLength: 26,
    dataPathPort: 5000,
    availability: 2,
    spec: {
      annotations: { name: "mine", labels: { a: "b" } },
      caConfig: { nodeCertExpiry: { seconds: 7200 } },
      encryptionConfig: { autoLockManagers: true },
      orchestration: { taskHistoryRetentionLimit: 2 },
    },
  });
  t.deepEqual(
    [cluster.defaultAddressPool, cluster.subnetSize, cluster.VXLANUDPPort],
    [["10.20.0.0/16", "10.30.0.0/16"], 26, 5000],
  );
  t.like(cluster.spec?.annotations, { name: "default", labels: { a: "b" } });
  t.is(cluster.spec?.orchestration?.taskHistoryRetentionLimit, 2);
  t.is(durationMs(cluster.spec?.dispatcher?.heartbeatPeriod, 0), 5000);
  t.is(unlockKeyOf(cluster)?.key.length, 32);
  t.is(availability, 2);
});

test("the first manager's certificate is the cluster's, also by a root that somebody brings", (t) => {
  const openssl = new OpenSsl(t);
  for (const root of [undefined, makeRootCa(NOW_MS), foreignRoot(openssl), foreignRoot(openssl, { key: RSA })]) {
    const caConfig = root && {
      signingCaCert: Buffer.from(root.certificatePem),
      signingCaKey: Buffer.from(root.keyPem),
    };
    const begun = begin(caConfig ? { spec: { caConfig } } : {});
    if (root) t.is(begun.cluster.rootCa?.caCert.toString(), root.certificatePem);
    t.is(begun.cluster.spec?.caConfig?.signingCaKey.length, 0, "the key stands in one place");
    const { certificatePem, rootPem } = firstManagerCertificate(begun, NODE_ID, NOW_MS);
    const expected = { clusterId: begun.cluster.id, nodeId: NODE_ID, role: NodeRole.MANAGER };
    t.notThrows(() => checkChain({ certificatePem, rootPem, nowMs: NOW_MS, expected }));
    const verified = openssl.verify(certificatePem, rootPem);
    t.true(verified.ok, verified.text);
  }
});

const root = makeRootCa(NOW_MS);
const refused: readonly (readonly [what: string, request: PartialRequest, text: RegExp])[] = [
  [
    "certificates of minutes",
    { spec: { caConfig: { nodeCertExpiry: { seconds: 60 } } } },
    /minimum certificate expiry/,
  ],
  [
    "a root without its key",
    { spec: { caConfig: { signingCaCert: Buffer.from(root.certificatePem) } } },
    /begins with a root whose key it has/,
  ],
  ["a key without a root", { spec: { caConfig: { signingCaKey: Buffer.from(root.keyPem) } } }, /must also be provided/],
  [
    "another's key",
    {
      spec: {
        caConfig: {
          signingCaCert: Buffer.from(root.certificatePem),
          signingCaKey: Buffer.from(makeRootCa(NOW_MS).keyPem),
        },
      },
    },
    /key/,
  ],
  ["a pool that is none", { defaultAddrPool: ["10.0.0.1/8"] }, /invalid default address pool "10\.0\.0\.1\/8"/],
  ["no heartbeat", { spec: { dispatcher: { heartbeatPeriod: { seconds: 0 } } } }, /heartbeat/],
  ["an external CA without TLS", { spec: { caConfig: { externalCas: [{ url: "http://a" }] } } }, /https URL/],
];

for (const [what, request, text] of refused) {
  test(`no cluster begins with ${what}`, (t) => {
    t.throws(() => begin(request), { message: text });
  });
}
