import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { ControlService, type KeyRotation } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import type { ClusterSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { CAConfig } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { durationMs, timestampMs } from "../../../src/api/time.js";
import { parseJoinToken } from "../../../src/security/pki/join-token.js";
import { makeRootCa } from "../../../src/security/pki/root-ca.js";
import { nodeId, processService, TestCluster } from "../test-cluster.js";

const { INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, UNKNOWN } = status;

const DAY_MS = 86_400_000;

type Row = readonly [what: string, call: () => Promise<unknown>, code: status, text: RegExp];

async function refused(t: ExecutionContext, [what, call, code, text]: Row): Promise<void> {
  const error = await t.throwsAsync<Error & { code: status; details: string }>(call, undefined, what);
  t.is(error?.code, code, `${what}: ${error?.details}`);
  t.regex(error?.details ?? "", text, what);
}

test("the cluster's settings: what is refused, and what holds", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const get = async () => (await cluster.call(ControlService.listClusters, { filters: undefined })).clusters[0]!;
  const before = await get();
  const rotation = { workerJoinToken: false, managerJoinToken: false, managerUnlockKey: false };
  const update = (change: object, more: object = {}) =>
    cluster.call(ControlService.updateCluster, {
      clusterId: before.id,
      clusterVersion: before.meta?.version,
      spec: { ...before.spec!, ...change },
      rotation,
      ...more,
    });
  const raft = before.spec!.raft!;
  const rows: readonly Row[] = [
    ["no id", () => update({}, { clusterId: "" }), INVALID_ARGUMENT, /id of the cluster/],
    ["another id", () => update({}, { clusterId: "x" }), NOT_FOUND, /cluster x not found/],
    ["no version", () => update({}, { clusterVersion: undefined }), INVALID_ARGUMENT, /version/],
    ["no specification", () => update({}, { spec: undefined }), INVALID_ARGUMENT, /specification/],
    [
      "another name",
      () => update({ annotations: { name: "x", labels: {}, indices: [] } }),
      INVALID_ARGUMENT,
      /cluster name is not allowed/,
    ],
    [
      "no heartbeat",
      () => update({ dispatcher: { heartbeatPeriod: { seconds: 0, nanos: 0 } } }),
      INVALID_ARGUMENT,
      /heart/,
    ],
    ["no snapshots", () => update({ raft: { ...raft, snapshotInterval: 0 } }), INVALID_ARGUMENT, /snapshot interval/],
    ["no beats", () => update({ raft: { ...raft, heartbeatTick: 0 } }), INVALID_ARGUMENT, /heartbeat ticks/],
    ["no election", () => update({ raft: { ...raft, electionTick: 1 } }), INVALID_ARGUMENT, /election ticks/],
    ["a long election", () => update({ raft: { ...raft, electionTick: 5000 } }), INVALID_ARGUMENT, /election ticks/],
    [
      "certificates of minutes",
      () => update({ caConfig: CAConfig.fromPartial({ nodeCertExpiry: { seconds: 3599 } }) }),
      INVALID_ARGUMENT,
      /^minimum certificate expiry time is: 1h0m0s$/,
    ],
    [
      "a key without a certificate",
      () => update({ caConfig: CAConfig.fromPartial({ signingCaKey: Buffer.from("x") }) }),
      INVALID_ARGUMENT,
      /signing CA cert must also be provided/,
    ],
    [
      "an external CA without TLS",
      () => update({ caConfig: CAConfig.fromPartial({ externalCas: [{ url: "http://ca:8888/sign" }] }) }),
      INVALID_ARGUMENT,
      /an https URL is due/,
    ],
    [
      "an external CA of another kind",
      () => update({ caConfig: CAConfig.fromPartial({ externalCas: [{ protocol: 7 as 0, url: "https://ca" }] }) }),
      INVALID_ARGUMENT,
      /protocol of an external CA/,
    ],
    [
      "a log driver without a name",
      () => update({ taskDefaults: { logDriver: { name: "", options: {} } } }),
      INVALID_ARGUMENT,
      /log driver/,
    ],
    [
      "no key",
      () => update({}, { rotation: { ...rotation, managerUnlockKey: true } }),
      FAILED_PRECONDITION,
      /autolock is off/,
    ],
    ["an old version", () => update({}, { clusterVersion: { index: 1 } }), UNKNOWN, /^update out of sequence$/],
  ];
  for (const row of rows) await refused(t, row);
  await update({
    raft: { ...raft, snapshotInterval: 7, electionTick: 20, heartbeatTick: 2 },
    caConfig: CAConfig.fromPartial({ nodeCertExpiry: { seconds: 3600 } }),
    taskDefaults: { logDriver: { name: "journald", options: { tag: "x" } } },
    dispatcher: { heartbeatPeriod: { seconds: 9, nanos: 0 } },
    orchestration: { taskHistoryRetentionLimit: 2 },
  });
  const after = await get();
  t.is(after.spec?.raft?.snapshotInterval, 7);
  t.is(after.spec?.dispatcher?.heartbeatPeriod?.seconds, 9);
  t.is(after.spec?.caConfig?.nodeCertExpiry?.seconds, 3600);
  t.deepEqual(after.spec?.taskDefaults?.logDriver, { name: "journald", options: { tag: "x" } });
  t.like(cluster.manager.raft?.status(), { electionTicks: 20, heartbeatTicks: 2 });
  const { id } = await cluster.createService(processService("a", 1));
  await cluster.until("it has a task", () => cluster.tasks(id).length > 0);
  t.is(cluster.tasks(id)[0]?.logDriver?.name, "journald");
  await cluster.createService(processService("b", 0));
  await cluster.createService(processService("c", 0));
  const { raft: log } = cluster.manager;
  await cluster.until("a snapshot was made", () => (log?.status().log.snapshotIndex ?? 0) > 0);
});

test("join tokens: each is made anew by itself, the other stays", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const get = async () => (await cluster.call(ControlService.listClusters, { filters: undefined })).clusters[0]!;
  const rotate = async (rotation: Partial<KeyRotation>) => {
    const { id, meta, spec } = await get();
    const none = { workerJoinToken: false, managerJoinToken: false, managerUnlockKey: false };
    await cluster.call(ControlService.updateCluster, {
      clusterId: id,
      clusterVersion: meta?.version,
      spec,
      rotation: { ...none, ...rotation },
    });
    return (await get()).rootCa!.joinTokens!;
  };
  const before = (await get()).rootCa!.joinTokens!;
  t.deepEqual(await rotate({}), before);
  const worker = await rotate({ workerJoinToken: true });
  t.not(worker.worker, before.worker);
  t.is(worker.manager, before.manager);
  const both = await rotate({ managerJoinToken: true });
  t.is(both.worker, worker.worker);
  t.not(both.manager, before.manager);
  const digests = [before.worker, worker.worker, both.manager].map((token) => parseJoinToken(token).digest);
  t.is(new Set(digests).size, 1);
});

test("no key of the cluster is ever shown, and settings that are sent back as they were shown change nothing", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const root = makeRootCa(cluster.clock.now());
  const get = async () => (await cluster.call(ControlService.listClusters, { filters: undefined })).clusters[0]!;
  const update = async (change: (spec: ClusterSpec) => ClusterSpec) => {
    const { id, meta, spec } = await get();
    const request = { clusterId: id, clusterVersion: meta?.version, spec: change(spec!), rotation: undefined };
    return (await cluster.call(ControlService.updateCluster, request)).cluster!;
  };
  const shown = [
    await update((spec) => ({
      ...spec,
      encryptionConfig: { autoLockManagers: true },
      caConfig: {
        ...spec.caConfig!,
        signingCaCert: Buffer.from(root.certificatePem),
        signingCaKey: Buffer.from(root.keyPem),
      },
    })),
    await get(),
    (await cluster.call(ControlService.getCluster, { clusterId: (await get()).id })).cluster!,
  ];
  for (const { rootCa, unlockKeys, networkBootstrapKeys, spec } of shown) {
    t.is(rootCa?.caKey.length, 0);
    t.is(rootCa?.rootRotation?.caKey.length, 0);
    t.is(rootCa?.rootRotation?.caCert.toString(), root.certificatePem);
    t.is(spec?.caConfig?.signingCaKey.length, 0);
    t.is(spec?.caConfig?.signingCaCert.length, 0);
    t.deepEqual([unlockKeys, networkBootstrapKeys], [[], []]);
  }
  const stored = () => cluster.manager.store.view((read) => read.all("cluster"))[0]!;
  const { rootCa } = stored();
  t.is(rootCa?.rootRotation?.caKey.toString(), root.keyPem);
  t.is(stored().spec?.caConfig?.signingCaKey.length, 0, "it stands in one place");
  await update((spec) => ({ ...spec, orchestration: { taskHistoryRetentionLimit: 3 } }));
  t.deepEqual(stored().rootCa, rootCa);
});

test("a node that is removed is refused for as long as its certificates could be valid, and a week longer", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const stored = () => cluster.manager.store.view((read) => read.all("cluster"))[0]!;
  const id = nodeId(2);
  await refused(t, [
    "a node that is there",
    () => cluster.call(ControlService.removeNode, { nodeId: id, force: false }),
    FAILED_PRECONDITION,
    /is not down and can't be removed/,
  ]);
  await refused(t, [
    "a manager",
    () => cluster.call(ControlService.removeNode, { nodeId: nodeId(1), force: true }),
    FAILED_PRECONDITION,
    /is a cluster manager and is a member of the raft cluster\. It must be demoted to worker before removal/,
  ]);
  await cluster.call(ControlService.removeNode, { nodeId: id, force: true });
  await cluster.until("its session has ended", () => cluster.agents[1]?.ended !== undefined);
  const expiryMs = timestampMs(stored().blacklistedCertificates[id]?.expiry);
  t.true(Math.abs(expiryMs - cluster.clock.now() - durationMs(stored().spec?.caConfig?.nodeCertExpiry, 0)) < 1000);
  cluster.clock.sleep(expiryMs - cluster.clock.now() + 6 * DAY_MS);
  await cluster.manager.idle();
  t.true(Object.hasOwn(stored().blacklistedCertificates, id));
  cluster.clock.sleep(2 * DAY_MS);
  await cluster.until("it is forgotten", () => !Object.hasOwn(stored().blacklistedCertificates, id));
});
