/** Secrets and configs as a person handles them. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import anyTest, { type ExecutionContext, type TestFn } from "ava";
import { Config, Secret } from "../../src/api/generated/docker/swarmkit/v1/objects.js";
import type { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { processOf } from "../../src/cli/service/spec/runtime.js";
import { documentedKeys } from "./documentation.js";
import { id, processService } from "./fixtures.js";
import { Peer } from "./peer.js";
import { start, tsctl } from "./run.js";

const test = anyTest as TestFn<{ peer: Peer }>;

const meta = { createdAt: { seconds: 1_700_000_000, nanos: 0 }, updatedAt: { seconds: 1_700_000_000, nanos: 0 } };
const spec = (name: string, data = "") => ({
  annotations: { name, labels: { tier: "db" } },
  data: Buffer.from(data),
});

test.beforeEach(async (t) => {
  const peer = await Peer.start();
  peer.secrets = [Secret.fromPartial({ id: id("pw"), meta, spec: spec("password") })];
  peer.configs = [Config.fromPartial({ id: id("site"), meta, spec: spec("site", "listen 80;\nroot /srv;\n") })];
  peer.services = [processService("web")];
  t.context = { peer };
});
test.afterEach.always((t) => t.context.peer?.stop());

async function output(t: ExecutionContext<{ peer: Peer }>, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await tsctl(t.context.peer, ...args);
  t.is(stderr, "", args.join(" "));
  t.is(status, 0, args.join(" "));
  return stdout;
}

async function refused(t: ExecutionContext<{ peer: Peer }>, status: number, message: RegExp, ...args: string[]) {
  const outcome = await tsctl(t.context.peer, ...args);
  t.is(outcome.status, status, args.join(" "));
  t.regex(outcome.stderr, message);
  t.is(outcome.stderr.trim().split("\n").length, 1);
}

test("a secret comes from a file or from standard input, as it is", async (t) => {
  const { peer } = t.context;
  const path = join(peer.directory, "password.bin");
  const bytes = Buffer.from([0, 255, 10, 13, 0]);
  writeFileSync(path, bytes);
  t.regex(await output(t, "secret", "create", "-l", "tier=db", "db.password", path), /^sec10+\n$/);
  const env = { SWARM_SOCKET: peer.socket };
  const piped = await start(["config", "create", "site", "-"], env, { input: "listen 80;\n" }).outcome;
  t.is(piped.status, 0, piped.stderr);
  const [secret] = peer.requests("createSecret") as { spec: Secret["spec"] }[];
  t.deepEqual([...Buffer.from(secret!.spec!.data)], [...bytes]);
  t.like(secret!.spec!.annotations, { name: "db.password", labels: { tier: "db" } });
  const [config] = peer.requests("createConfig") as { spec: Config["spec"] }[];
  t.is(Buffer.from(config!.spec!.data).toString(), "listen 80;\n");
});

test("what the cluster would refuse is not sent", async (t) => {
  const { peer } = t.context;
  const path = (name: string, length: number) => {
    writeFileSync(join(peer.directory, name), Buffer.alloc(length, 1));
    return join(peer.directory, name);
  };
  const [empty, secret, config] = [path("empty", 0), path("secret", 512_000), path("config", 1_024_000)];
  await refused(t, 2, /NAME: "-x" is not a name/, "secret", "create", "--", "-x", empty);
  await refused(t, 2, /NAME: "a{65}" is not a name/, "config", "create", "a".repeat(65), empty);
  await refused(t, 2, /FILE: .*empty is empty/, "secret", "create", "x", empty);
  await refused(t, 2, /FILE: .* is longer than 511999 bytes/, "secret", "create", "x", secret);
  await refused(t, 2, /FILE: .* is longer than 1023999 bytes/, "config", "create", "x", config);
  await refused(t, 2, /FILE: cannot read \/nonexistent/, "config", "create", "x", "/nonexistent");
  await refused(t, 2, /missing required argument 'file'/, "secret", "create", "x");
  t.deepEqual(peer.calls, []);
});

test("lists, filtered by the cluster", async (t) => {
  const { peer } = t.context;
  const [title, line] = (await output(t, "secret", "ls")).split("\n");
  t.regex(title!, /^ID +NAME +CREATED +UPDATED/);
  t.regex(line!, /password +\d+ (years|months|weeks|days) ago/);
  t.is(await output(t, "config", "ls", "-q"), `${id("site")}\n`);
  await output(t, "secret", "ls", "-f", "name=pass", "-f", "label=tier=db", "-f", "id=p");
  t.deepEqual(peer.requests("listSecrets").at(-1)?.filters, {
    names: [],
    idPrefixes: ["p"],
    namePrefixes: ["pass"],
    labels: { tier: "db" },
  });
  await refused(t, 2, /--filter: "size=1" is not id=, name= or label=/, "config", "ls", "-f", "size=1");
  for (const kind of ["secret", "config"]) {
    const [first] = JSON.parse(await output(t, kind, "ls", "--format", "json"));
    t.deepEqual(Object.keys(first), documentedKeys().get(`${kind} ls`));
  }
});

test("inspect shows a config's data and never speaks of a secret's", async (t) => {
  t.regex(
    await output(t, "config", "inspect", "site"),
    /Size: +22 bytes\n.*Data:\n {2}listen 80;\n {2}root \/srv;\n$/s,
  );
  const page = await output(t, "secret", "inspect", "password");
  t.regex(page, /Name: +password\n/);
  t.false(/data|size/i.test(page));
  const [shown] = JSON.parse(await output(t, "config", "inspect", "--format", "json", "site"));
  t.is(Buffer.from(shown.spec.data, "base64").toString(), "listen 80;\nroot /srv;\n");
});

test("rm removes by name or id; what is in use says by whom, and the others go", async (t) => {
  const { peer } = t.context;
  t.is(await output(t, "config", "rm", "site"), "site\n");
  t.deepEqual(peer.configs, []);
  await refused(t, 1, /no such secret: nothing/, "secret", "rm", "nothing");
  t.is(await output(t, "secret", "remove", id("pw").slice(0, 6)), "password\n");
});

test("service create and update look up what they name", async (t) => {
  const { peer } = t.context;
  await output(
    t,
    "service",
    "create",
    "-d",
    "--name",
    "db",
    "--secret",
    "source=password,target=pw",
    "--config",
    "site",
    "--",
    "x",
  );
  const made = processOf((peer.requests("createService")[0] as { spec: ServiceSpec }).spec.task)!;
  t.like(made.secrets[0], { secretId: id("pw"), secretName: "password" });
  t.is(made.secrets[0]?.target?.value.name, "pw");
  t.is(made.configs[0]?.target?.$case === "file" && made.configs[0].target.value.name, "site");
  await output(
    t,
    "service",
    "update",
    "-d",
    "db",
    "--secret-rm",
    "password",
    "--config-add",
    "source=site,target=other",
  );
  const changed = processOf((peer.requests("updateService")[0] as { spec: ServiceSpec }).spec.task)!;
  t.deepEqual(changed.secrets, []);
  t.is(changed.configs.length, 2);
  await refused(
    t,
    1,
    /no such secret: gone/,
    "service",
    "create",
    "-d",
    "--name",
    "db2",
    "--secret",
    "gone",
    "--",
    "x",
  );
});

test("a flag of docker's that is not to be had says why", async (t) => {
  await refused(
    t,
    2,
    /^tsctl: --log-driver: .*no log drivers$/m,
    "service",
    "create",
    "--log-driver",
    "json",
    "--",
    "x",
  );
  await refused(t, 2, /^tsctl: --read-only: a process runs on the host's files/, "svc", "update", "web", "--read-only");
  await refused(t, 2, /unknown option '--frob'/, "service", "create", "--frob");
  await refused(t, 2, /unknown option '--tty'/, "node", "ls", "--tty");
});
