/** Secrets and configs: what may be one, who sees it, who keeps it, which nodes are given it. */
import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import { ConfigSpec, SecretSpec, type ServiceSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { ResourceType, TaskState } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { ProcessSpec } from "../../../src/api/generated/tswarm/v1/process.js";
import type { FakeAgent } from "../fake-agent.js";
import { processService, TestCluster } from "../test-cluster.js";

type PartialProcess = Parameters<typeof ProcessSpec.fromPartial>[0];

const SECRET = Buffer.from("correct horse");
const secretSpec = (name: string, more: Parameters<typeof SecretSpec.fromPartial>[0] = {}) =>
  SecretSpec.fromPartial({ annotations: { name }, data: SECRET, ...more });
const configSpec = (name: string, more: Parameters<typeof ConfigSpec.fromPartial>[0] = {}) =>
  ConfigSpec.fromPartial({ annotations: { name }, data: SECRET, ...more });

const file = (name: string) => ({ $case: "file" as const, value: { name, uid: "0", gid: "0", mode: 0o444 } });

function withProcess(spec: ServiceSpec, more: PartialProcess): ServiceSpec {
  const process = ProcessSpec.fromPartial({ command: ["/bin/true"], ...more });
  const payload = {
    typeUrl: "type.googleapis.com/tswarm.v1.ProcessSpec",
    value: ProcessSpec.encode(process).finish() as Buffer,
  };
  return { ...spec, task: { ...spec.task!, runtime: { $case: "generic", value: { kind: "process", payload } } } };
}

async function makeSecret(cluster: TestCluster, name: string) {
  const { secret } = await cluster.call(ControlService.createSecret, { spec: secretSpec(name) });
  return { secretId: secret!.id, secretName: name, target: file(name) };
}

async function makeConfig(cluster: TestCluster, name: string) {
  const { config } = await cluster.call(ControlService.createConfig, { spec: configSpec(name) });
  return { configId: config!.id, configName: name, target: file(name) };
}

async function refused(t: ExecutionContext, call: Promise<unknown>, code: status, text: string | RegExp) {
  const error = await t.throwsAsync<Error & { code: status; details: string }>(call);
  t.is(error?.code, code);
  if (typeof text === "string") t.is(error?.details, text);
  else t.regex(error?.details ?? "", text);
}

const NAME_RULE =
  "invalid name, only 64 [a-zA-Z0-9-_.] characters allowed, and the start and end character must be [a-zA-Z0-9]";
const SECRET_SIZE = "secret data must be larger than 0 and less than 512000 bytes";
const CONFIG_SIZE = "config data must be larger than 0 and less than 1024000 bytes";

test("what no secret or config may be is refused with SwarmKit's words", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const bytes = (length: number) => ({ data: Buffer.alloc(length, 1) });
  const secret = (spec: SecretSpec | undefined) => cluster.call(ControlService.createSecret, { spec });
  const config = (spec: ConfigSpec | undefined) => cluster.call(ControlService.createConfig, { spec });
  await refused(t, secret(undefined), status.INVALID_ARGUMENT, /missing/);
  await refused(t, config(undefined), status.INVALID_ARGUMENT, /missing/);
  await refused(t, secret(secretSpec("")), status.INVALID_ARGUMENT, "name must be provided");
  for (const name of ["-a", "a.", "a b", "ä", "a".repeat(65)]) {
    await refused(t, secret(secretSpec(name)), status.INVALID_ARGUMENT, NAME_RULE);
    await refused(t, config(configSpec(name)), status.INVALID_ARGUMENT, NAME_RULE);
  }
  await refused(t, secret(secretSpec("s", bytes(0))), status.INVALID_ARGUMENT, SECRET_SIZE);
  await refused(t, secret(secretSpec("s", bytes(512_000))), status.INVALID_ARGUMENT, SECRET_SIZE);
  await refused(t, config(configSpec("c", bytes(0))), status.INVALID_ARGUMENT, CONFIG_SIZE);
  await refused(t, config(configSpec("c", bytes(1_024_000))), status.INVALID_ARGUMENT, CONFIG_SIZE);
  await refused(t, secret(secretSpec("s", { driver: { name: "vault" } })), status.UNIMPLEMENTED, /driver/);
  await refused(t, secret(secretSpec("s", { templating: { name: "golang" } })), status.UNIMPLEMENTED, /template/);
  await refused(t, config(configSpec("c", { templating: { name: "golang" } })), status.UNIMPLEMENTED, /template/);
});

test("the largest ones are taken, with names as long as may be; a name is taken once, in any case", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const name = `a${".-_b".repeat(15)}xyz`;
  t.is(name.length, 64);
  await cluster.call(ControlService.createSecret, { spec: secretSpec(name, { data: Buffer.alloc(511_999, 1) }) });
  await cluster.call(ControlService.createConfig, { spec: configSpec(name, { data: Buffer.alloc(1_023_999, 1) }) });
  const again = cluster.call(ControlService.createSecret, { spec: secretSpec(name.toUpperCase()) });
  await refused(t, again, status.ALREADY_EXISTS, /./);
});

test("a secret's data never comes back, a config's does; labels alone can be changed", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const made = (await cluster.call(ControlService.createSecret, { spec: secretSpec("s") })).secret!;
  const config = (await cluster.call(ControlService.createConfig, { spec: configSpec("c") })).config!;
  t.deepEqual([...Buffer.from(config.spec!.data)], [...SECRET]);
  const { id, meta } = made;
  const change = (spec: SecretSpec) =>
    cluster.call(ControlService.updateSecret, { secretId: id, secretVersion: meta!.version, spec });
  await refused(t, change(secretSpec("other")), status.INVALID_ARGUMENT, "only updates to Labels are allowed");
  const otherData = secretSpec("s", { data: Buffer.from("x") });
  await refused(t, change(otherData), status.INVALID_ARGUMENT, "only updates to Labels are allowed");
  const labels = { tier: "db" };
  const updated = (await change(secretSpec("s", { annotations: { name: "s", labels }, data: Buffer.alloc(0) })))
    .secret!;
  t.deepEqual(updated.spec?.annotations?.labels, labels);
  await refused(t, change(secretSpec("s")), status.UNKNOWN, /out of sequence/);
  const none = { names: [], idPrefixes: [], namePrefixes: [], labels: {} };
  const listed = (filters: Partial<typeof none>) =>
    cluster.call(ControlService.listSecrets, { filters: { ...none, ...filters } });
  t.is((await listed({ labels: { tier: "db" } })).secrets.length, 1);
  t.is((await listed({ labels: { tier: "web" } })).secrets.length, 0);
  const seen = [
    made,
    updated,
    (await cluster.call(ControlService.getSecret, { secretId: id })).secret!,
    ...(await listed({})).secrets,
  ];
  for (const secret of seen) t.is(secret.spec?.data.length, 0);
  const kept = cluster.manager.store.view((read) => read.get("secret", id))!;
  t.deepEqual([...kept.spec!.data], [...SECRET], "the cluster still has it");
});

test("what is not there is not found", async (t) => {
  const { call } = await TestCluster.start(t, 0).then((cluster) => ({ call: cluster.call.bind(cluster) }));
  await refused(t, call(ControlService.getSecret, { secretId: "x" }), status.NOT_FOUND, "secret x not found");
  await refused(t, call(ControlService.removeSecret, { secretId: "x" }), status.NOT_FOUND, "secret x not found");
  await refused(t, call(ControlService.getConfig, { configId: "x" }), status.NOT_FOUND, "config x not found");
  await refused(t, call(ControlService.removeConfig, { configId: "x" }), status.NOT_FOUND, "config x not found");
  await refused(t, call(ControlService.getSecret, { secretId: "" }), status.INVALID_ARGUMENT, /missing/);
});

test("in use it stays, and who uses it is named; a service may not name what is not there", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const secret = await makeSecret(cluster, "password");
  const config = await makeConfig(cluster, "site");
  const spec = (name: string) => withProcess(processService(name, 0), { secrets: [secret], configs: [config] });
  const web = await cluster.createService(spec("web"));
  const api = await cluster.createService(spec("api"));
  const remove = () => cluster.call(ControlService.removeSecret, { secretId: secret.secretId });
  await refused(
    t,
    remove(),
    status.INVALID_ARGUMENT,
    "secret 'password' is in use by the following services: api, web",
  );
  await cluster.call(ControlService.removeService, { serviceId: api.id });
  await refused(t, remove(), status.INVALID_ARGUMENT, "secret 'password' is in use by the following service: web");
  await refused(
    t,
    cluster.call(ControlService.removeConfig, { configId: config.configId }),
    status.INVALID_ARGUMENT,
    "config 'site' is in use by the following service: web",
  );
  await cluster.updateService(web.id, (before) => withProcess(before, { configs: [config] }));
  await cluster.manager.idle();
  await remove();
  await refused(t, cluster.createService(spec("late")), status.INVALID_ARGUMENT, "secret not found: password");
  const wrongName = { ...config, configName: "other" };
  await refused(
    t,
    cluster.createService(withProcess(processService("late", 0), { configs: [wrongName] })),
    status.INVALID_ARGUMENT,
    "config not found: other",
  );
});

test("what a process names becomes its references, whatever a client says of them", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const [one, two] = [await makeSecret(cluster, "one"), await makeSecret(cluster, "two")];
  const spec = withProcess(processService("web", 0), { secrets: [one, { ...one, target: file("again") }] });
  const stray = { resourceId: two.secretId, resourceType: ResourceType.SECRET };
  const made = await cluster.createService({ ...spec, task: { ...spec.task!, resourceReferences: [stray] } });
  t.deepEqual(made.spec?.task?.resourceReferences, [{ resourceId: one.secretId, resourceType: ResourceType.SECRET }]);
  const updated = await cluster.updateService(made.id, (before) => withProcess(before, {}));
  t.deepEqual(updated.spec?.task?.resourceReferences, []);
});

/** Ids of secrets and configs that the agent has, by what the manager told it. */
function held(agent: FakeAgent): readonly string[] {
  const ids = new Set<string>();
  for (const { changes } of agent.messages) {
    for (const { assignment, action } of changes) {
      const item = assignment?.item;
      if (item?.$case !== "secret" && item?.$case !== "config") continue;
      if (action === 0) ids.add(item.value.id);
      else ids.delete(item.value.id);
    }
  }
  return [...ids].sort();
}

test("a node has a secret from the first to the last live task there that needs it, and no other node ever", async (t) => {
  const cluster = await TestCluster.start(t, 3);
  const secret = await makeSecret(cluster, "password");
  const config = await makeConfig(cluster, "site");
  await makeSecret(cluster, "unused");
  const both = [secret.secretId, config.configId].sort();
  const base = withProcess(processService("web", 2), { secrets: [secret], configs: [config] });
  const web = await cluster.createService({
    ...base,
    task: { ...base.task!, restart: { condition: 0, delay: undefined, maxAttempts: 0, window: undefined } },
  });
  const tasks = await cluster.untilRunning(web.id, 2);
  const users = cluster.agents.filter(({ nodeId }) => tasks.some((task) => task.nodeId === nodeId));
  const other = cluster.agents.find((agent) => !users.includes(agent))!;
  t.is(users.length, 2);
  for (const agent of users) t.deepEqual(held(agent), both);
  t.deepEqual(held(other), []);
  const [first, second] = users as [FakeAgent, FakeAgent];
  const ended = tasks.find((task) => task.nodeId === first.nodeId)!;
  await first.report(ended.id, TaskState.FAILED);
  await cluster.until("what the ended task needed is taken back", () => held(first).length === 0);
  t.deepEqual(held(second), both);
  await cluster.call(ControlService.removeService, { serviceId: web.id });
  await cluster.until("nobody has anything", () => held(second).length === 0);
  const everSent = other.messages.flatMap(({ changes }) => changes.map(({ assignment }) => assignment?.item?.$case));
  t.false(everSent.includes("secret"));
  t.false(everSent.includes("config"));
});
