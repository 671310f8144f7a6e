import { readFileSync } from "node:fs";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import test from "ava";
import { CAService } from "../../../src/api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import type { ClusterSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { LocalManagerService, ManagerState } from "../../../src/api/generated/tswarm/v1/manager.js";
import { formatUnlockKey } from "../../../src/security/at-rest/unlock-key.js";
import { ManagerGroup, type ManagerHost } from "../manager-group.js";
import { processService } from "../test-cluster.js";

const LOCKED =
  'Swarm is encrypted and needs to be unlocked before it can be used. Please use "tsctl unlock" to unlock it.';

async function updateCluster(
  host: ManagerHost,
  change: (spec: ClusterSpec) => ClusterSpec,
  managerUnlockKey = false,
): Promise<void> {
  const { clusters } = await host.call(ControlService.listClusters, { filters: undefined });
  const [cluster] = clusters;
  const rotation = { workerJoinToken: false, managerJoinToken: false, managerUnlockKey };
  const request = { clusterId: cluster!.id, clusterVersion: cluster!.meta?.version, spec: change(cluster!.spec!) };
  const { cluster: updated } = await host.call(ControlService.updateCluster, { ...request, rotation });
  if (updated?.unlockKeys.length !== 0) throw new Error("the answer shows the unlock key");
}

const autolock = (host: ManagerHost, isOn: boolean) =>
  updateCluster(host, (spec) => ({ ...spec, encryptionConfig: { autoLockManagers: isOn } }));

const keyText = async (host: ManagerHost) => formatUnlockKey((await host.call(CAService.getUnlockKey, {})).unlockKey);

const keyFile = (host: ManagerHost) =>
  JSON.parse(readFileSync(join(host.dir, "state", "raft", "keys.json"), "utf8")) as {
    sealed?: object;
    current: string;
    kekVersion: number;
  };

const tlsKey = (host: ManagerHost) => readFileSync(join(host.dir, "state", "certificates", "swarm-node.key"), "utf8");
const SEALED_KEY = /^-----BEGIN ENCRYPTED PRIVATE KEY-----/;

const services = async (host: ManagerHost) =>
  (await host.call(ControlService.listServices, { filters: undefined })).services.length;

const unlock = (host: ManagerHost, unlockKey: string) => host.call(LocalManagerService.unlock, { unlockKey });

test("a life with autolock: on, locked after a restart, unlocked, another key, off", async (t) => {
  const group = await ManagerGroup.start(t, 1);
  const [host] = group.hosts as [ManagerHost];
  await host.call(ControlService.createService, { spec: processService("web", 0) });
  const first = keyFile(host);
  t.is(first.sealed, undefined);
  t.is((await host.call(CAService.getUnlockKey, {})).unlockKey.length, 0);

  await autolock(host, true);
  await group.until("the key file is sealed", () => keyFile(host).sealed !== undefined);
  t.not(keyFile(host).current, first.current, "what was readable with the old file is another key");
  await group.until("the key of the certificate is sealed", () => SEALED_KEY.test(tlsKey(host)));
  const key = await keyText(host);
  t.regex(key, /^SWMKEY-1-[A-Za-z0-9+/]{43}$/);
  const { clusters } = await host.call(ControlService.listClusters, { filters: undefined });
  t.deepEqual(clusters[0]?.unlockKeys, []);

  await host.stop();
  await host.start();
  t.is(host.manager.phase, "locked");
  t.is(host.manager.remotePort, undefined, "who cannot prove what it is has no port");
  t.like(await host.call(LocalManagerService.status, {}), { state: ManagerState.MANAGER_LOCKED, autolock: true });
  for (const refused of [services(host), host.call(CAService.getUnlockKey, {})]) {
    t.like(await t.throwsAsync(refused), { code: status.FAILED_PRECONDITION, details: LOCKED });
  }
  t.like(await t.throwsAsync(unlock(host, "SWMKEY-1-x")), { code: status.INVALID_ARGUMENT });
  const wrong = await t.throwsAsync<Error & { code: status }>(unlock(host, formatUnlockKey(Buffer.alloc(32, 7))));
  t.is(wrong?.code, status.PERMISSION_DENIED);
  t.is(host.manager.phase, "locked", "and may be tried again");
  await unlock(host, key);
  t.truthy(host.manager.remotePort);
  t.is(await services(host), 1);
  t.like(await t.throwsAsync(unlock(host, key)), { code: status.FAILED_PRECONDITION });

  const before = keyFile(host);
  await updateCluster(host, (spec) => spec, true);
  await group.until("the key file is sealed anew", () => keyFile(host).kekVersion > before.kekVersion);
  const another = await keyText(host);
  t.not(another, key);
  await host.stop();
  await host.start();
  t.like(await t.throwsAsync(unlock(host, key)), { code: status.PERMISSION_DENIED });
  await unlock(host, another);
  t.is(await services(host), 1);

  await autolock(host, false);
  await group.until("the key file is plain", () => keyFile(host).sealed === undefined);
  await host.stop();
  await host.start();
  t.is(host.manager.phase, "running");
  t.is(await services(host), 1);
  t.false(host.logged.some((line) => line.includes(key.slice(9)) || line.includes(another.slice(9))));
});

test("every manager locks itself, also one that was away and one that joins later; a locked one holds up nobody", async (t) => {
  const group = await ManagerGroup.start(t, 3);
  const [one, two] = await group.followers();
  await two!.stop();
  await autolock(one!, true);
  await two!.start();
  const fourth = await group.join();
  await group.until("all are sealed", () => group.hosts.every((host) => keyFile(host).sealed !== undefined));
  const key = await keyText(fourth);
  t.is(await keyText(two!), key);
  await two!.stop();
  await two!.start();
  t.is(two!.manager.phase, "locked");
  await one!.call(ControlService.createService, { spec: processService("web", 0) });
  await unlock(two!, key);
  await group.until("it has caught up", () => two!.manager.store.view((read) => read.all("service").length === 1));
});
