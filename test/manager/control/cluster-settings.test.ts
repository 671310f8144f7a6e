import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { CAConfig } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { processService, TestCluster } from "../test-cluster.js";

const { INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, FAILED_PRECONDITION, UNKNOWN } = status;

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
    ["ticks", () => update({ raft: { ...raft, electionTick: 3 } }), UNIMPLEMENTED, /--election-ticks/],
    [
      "certificates",
      () => update({ caConfig: CAConfig.fromPartial({ forceRotate: 1 }) }),
      UNIMPLEMENTED,
      /certificate authority/,
    ],
    ["a token", () => update({}, { rotation: { ...rotation, workerJoinToken: true } }), UNIMPLEMENTED, /join tokens/],
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
    raft: { ...raft, snapshotInterval: 7 },
    dispatcher: { heartbeatPeriod: { seconds: 9, nanos: 0 } },
    orchestration: { taskHistoryRetentionLimit: 2 },
  });
  const after = await get();
  t.is(after.spec?.raft?.snapshotInterval, 7);
  t.is(after.spec?.dispatcher?.heartbeatPeriod?.seconds, 9);
  await cluster.createService(processService("a", 0));
  await cluster.createService(processService("b", 0));
  await cluster.createService(processService("c", 0));
  const { raft: log } = cluster.manager;
  await cluster.until("a snapshot was made", () => (log?.status().log.snapshotIndex ?? 0) > 0);
});
