/** Health, secrets, configs, mounts and rights as flags; and docker's own list of flags. */
import test from "ava";
import type { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import type { ProcessSpec } from "../../src/api/generated/tswarm/v1/process.js";
import { UsageError } from "../../src/cli/failure.js";
import { buildProgram } from "../../src/cli/program.js";
import { runtimeSections } from "../../src/cli/service/describe.js";
import { REFUSED_FLAGS, whyRefused } from "../../src/cli/service/refused-flags.js";
import { completeDraft, draftService } from "../../src/cli/service/spec/create.js";
import { fileTarget, parseFileFlag } from "../../src/cli/service/spec/files.js";
import { emptyContainer, processOf } from "../../src/cli/service/spec/runtime.js";
import { asksForChange, readServiceUpdate } from "../../src/cli/service/spec/update.js";
import { processService } from "./fixtures.js";

type Flags = Record<string, unknown>;
const create = (flags: Flags): ProcessSpec =>
  processOf(draftService({ name: "web", healthcheck: true, ...flags }, ["x"], {}).spec.task)!;
const web = processService("web").spec as ServiceSpec;
const change = (flags: Flags, from = web): ServiceSpec => readServiceUpdate(flags, [], {}).apply(from, [], []);
const changed = (flags: Flags, from = web): ProcessSpec => processOf(change(flags, from).task)!;
const container: ServiceSpec = {
  ...web,
  task: { ...web.task!, runtime: { $case: "container", value: { ...emptyContainer(), image: "a" } } },
};
const containerOf = (spec: ServiceSpec) => {
  const runtime = spec.task?.runtime;
  return runtime?.$case === "container" ? runtime.value : undefined;
};
const seconds = (count: number) => ({ seconds: count, nanos: 0 });

test("a health check as flags say it", (t) => {
  t.is(create({}).healthcheck, undefined);
  t.deepEqual(create({ healthCmd: "curl -f localhost" }).healthcheck, {
    test: ["CMD-SHELL", "curl -f localhost"],
    interval: undefined,
    timeout: undefined,
    retries: 0,
    startPeriod: undefined,
    startInterval: undefined,
  });
  const all = {
    healthCmd: "x",
    healthInterval: "5s",
    healthTimeout: "2s",
    healthRetries: "4",
    healthStartPeriod: "1m",
    healthStartInterval: "1ms",
  };
  t.deepEqual(create(all).healthcheck, {
    test: ["CMD-SHELL", "x"],
    interval: seconds(5),
    timeout: seconds(2),
    retries: 4,
    startPeriod: seconds(60),
    startInterval: { seconds: 0, nanos: 1_000_000 },
  });
});

test("an update changes what it names of a health check, takes it away, and gives it back", (t) => {
  const with5s = change({ healthCmd: "x", healthInterval: "5s" });
  const other = change({ healthRetries: "1" }, with5s);
  t.like(processOf(other.task)?.healthcheck, { test: ["CMD-SHELL", "x"], interval: seconds(5), retries: 1 });
  const none = change({ healthcheck: false }, other);
  t.is(processOf(none.task)?.healthcheck, undefined);
  t.throws(() => change({ healthRetries: "2" }, none), {
    instanceOf: UsageError,
    message: /^--health-retries: .*health-cmd/,
  });
});

test("a container's check may be its image's; none at all is said to its node", (t) => {
  t.like(containerOf(change({ healthRetries: "2" }, container))?.healthcheck, { test: [], retries: 2 });
  const none = change({ healthcheck: false }, container);
  t.deepEqual(containerOf(none)?.healthcheck?.test, ["NONE"]);
  t.deepEqual(containerOf(change({ healthInterval: "1s" }, none))?.healthcheck?.test, [], "the image's again");
});

test("--no-healthcheck left out is no change", (t) => {
  t.false(asksForChange({ healthcheck: true }, []));
  t.true(asksForChange({ healthcheck: false }, []));
});

test("secrets and configs: a name alone, and every word", (t) => {
  const plain = { source: "db", target: undefined, uid: "0", gid: "0", mode: 0o444 };
  t.deepEqual(parseFileFlag("db", "--secret"), plain);
  t.deepEqual(parseFileFlag("source=db", "--secret"), plain);
  t.deepEqual(parseFileFlag("src=db,target=/etc/db,uid=33,gid=34,mode=0400", "--secret"), {
    source: "db",
    target: "/etc/db",
    uid: "33",
    gid: "34",
    mode: 0o400,
  });
  t.is(parseFileFlag("source=db,mode=640", "--secret").mode, 0o640, "octal without a 0 too");
  t.is(fileTarget(plain, "db-password").value.name, "db-password");
});

const secretOf = (name: string, target = name) => ({
  secretId: `id-${name}`,
  secretName: name,
  target: fileTarget({ source: name, target, uid: "0", gid: "0", mode: 0o400 }, name),
});
const configOf = (name: string) => ({
  configId: `id-${name}`,
  configName: name,
  target: fileTarget({ source: name, target: undefined, uid: "0", gid: "0", mode: 0o444 }, name),
});

test("what was looked up stands in the specification, and goes by name or id", (t) => {
  const draft = draftService({ name: "web", secret: ["a"], config: ["source=c"] }, ["x"], {});
  t.deepEqual([draft.secrets[0]?.source, draft.configs[0]?.source], ["a", "c"]);
  const spec = completeDraft(draft, [], { secrets: [secretOf("a")], configs: [configOf("c")] });
  t.deepEqual(processOf(spec.task)?.secrets, [secretOf("a")]);
  t.deepEqual(processOf(spec.task)?.configs, [configOf("c")]);
  const turned = readServiceUpdate({ secretRm: ["a"], configRm: ["id-c"] }, [], {}).apply(spec, [], [], {
    secrets: [secretOf("b", "a")],
    configs: [],
  });
  t.deepEqual(processOf(turned.task)?.secrets, [secretOf("b", "a")]);
  t.deepEqual(processOf(turned.task)?.configs, []);
  const boxed = readServiceUpdate({}, [], {}).apply(container, [], [], { secrets: [secretOf("a")], configs: [] });
  t.deepEqual(containerOf(boxed)?.secrets, [secretOf("a")]);
});

test("mounts", (t) => {
  const mounts = create({
    mount: [
      "type=bind,source=/srv/data,target=/data,readonly",
      "type=tmpfs,dst=/scratch,tmpfs-size=64M,tmpfs-mode=1770",
      "type=bind,src=/a,destination=/b,bind-nonrecursive,ro=false",
    ],
  }).mounts;
  t.like(mounts[0], { type: 0, source: "/srv/data", target: "/data", readonly: true });
  t.like(mounts[1], {
    type: 2,
    source: "",
    target: "/scratch",
    tmpfsOptions: { sizeBytes: 64 * 1024 ** 2, mode: 0o1770 },
  });
  t.like(mounts[2], { target: "/b", readonly: false, bindOptions: { nonrecursive: true } });
  const begun = change({ mountAdd: ["type=bind,source=/a,target=/b", "type=tmpfs,target=/t"] });
  const next = changed({ mountAdd: ["type=bind,source=/c,target=/b"], mountRm: ["/t"] }, begun);
  t.deepEqual(
    next.mounts.map(({ source, target }) => [source, target]),
    [["/c", "/b"]],
  );
  t.is(containerOf(change({ mountAdd: ["source=data,target=/data"] }, container))?.mounts[0]?.type, 1, "a volume");
});

test("capabilities and limits", (t) => {
  const begun = change({ capAdd: ["net_admin"], capDrop: ["CAP_KILL"], ulimitAdd: ["nofile=1:2", "core=-1"] });
  t.like(processOf(begun.task), { capabilityAdd: ["CAP_NET_ADMIN"], capabilityDrop: ["CAP_KILL"] });
  const next = changed(
    { capDrop: ["NET_ADMIN"], capAdd: ["kill"], ulimitAdd: ["nofile=9"], ulimitRm: ["core"] },
    begun,
  );
  t.like(next, { capabilityAdd: ["CAP_KILL"], capabilityDrop: ["CAP_NET_ADMIN"] });
  t.deepEqual(next.ulimits, [{ name: "nofile", soft: 9, hard: 9 }]);
  t.deepEqual(create({ ulimit: ["core=0"], capAdd: ["all"] }).capabilityAdd, ["ALL"]);
});

test("swap beside a memory limit", (t) => {
  const resources = (flags: Flags) => change(flags).task?.resources;
  t.like(resources({ limitMemory: "64M", memorySwap: "0" }), { swapBytes: 0, memorySwappiness: undefined });
  t.like(resources({ limitMemory: "64M", memorySwap: "-1", memorySwappiness: "10" }), {
    swapBytes: -1,
    memorySwappiness: 10,
  });
});

test("--workdir is --dir", (t) => t.is(create({ workdir: "/srv" }).dir, "/srv"));

test("what a task is given is shown", (t) => {
  const flags = {
    healthCmd: "curl -f x",
    healthInterval: "5s",
    healthRetries: "2",
    mount: ["type=bind,source=/a,target=/b,readonly"],
    capAdd: ["NET_ADMIN"],
    ulimit: ["nofile=1:2"],
  };
  const draft = draftService({ name: "web", ...flags }, ["x"], {});
  const spec = completeDraft(draft, [], { secrets: [secretOf("pw", "deep/pw")], configs: [configOf("site")] });
  const shown = new Map(runtimeSections(spec.task).map(([name, value]) => [name, value]));
  t.is(shown.get("Health check"), "curl -f x, every 5s, 2 retries");
  t.deepEqual(shown.get("Secrets"), ["pw as deep/pw, owner 0:0, mode 0400"]);
  t.deepEqual(shown.get("Configs"), ["site as site, owner 0:0, mode 0444"]);
  t.deepEqual(shown.get("Mounts"), ["bind /a at /b, read-only"]);
  t.is(shown.get("Capabilities added"), "CAP_NET_ADMIN");
  t.deepEqual(shown.get("Ulimits"), ["nofile=1:2"]);
});

const REFUSED: readonly (readonly [string, Flags, RegExp])[] = [
  ["no command", { healthCmd: "" }, /^--health-cmd: the value is empty/],
  ["a check and none", { healthCmd: "x", healthcheck: false }, /^--no-healthcheck: --health-cmd asks for/],
  ["an interval without check", { healthInterval: "1s" }, /^--health-interval: the service has no health check/],
  ["a short interval", { healthCmd: "x", healthInterval: "1us" }, /^--health-interval: "1us" is too short/],
  ["a negative timeout", { healthCmd: "x", healthTimeout: "-1s" }, /^--health-timeout: "-1s" is not a duration/],
  ["a bare number", { healthCmd: "x", healthStartPeriod: "5" }, /^--health-start-period: "5" is not a duration/],
  ["a start interval", { healthCmd: "x", healthStartInterval: "soon" }, /^--health-start-interval: "soon"/],
  ["retries", { healthCmd: "x", healthRetries: "-1" }, /^--health-retries: "-1" is not a whole number from 0/],
  ["too many retries", { healthCmd: "x", healthRetries: "2147483648" }, /^--health-retries/],
  ["an empty secret", { secret: [""] }, /^--secret: "": "source=" is not source=/],
  ["a secret without source", { secret: ["target=x"] }, /^--secret: "target=x" names nothing/],
  ["a secret's word", { secret: ["source=a,owner=b"] }, /"owner=b" is not source=, target=/],
  ["a word twice", { config: ["source=a,src=b"] }, /^--config: "source=a,src=b": source is given twice/],
  ["a user by name", { secret: ["source=a,uid=www"] }, /^--secret uid: "www" is not a whole number/],
  ["no group at all", { secret: ["source=a,gid=4294967295"] }, /^--secret gid: "4294967295"/],
  ["a decimal mode", { secret: ["source=a,mode=288"] }, /^--secret mode: "288" is not a mode/],
  ["a setuid mode", { config: ["source=a,mode=4755"] }, /^--config mode: "4755" is not a mode/],
  [
    "a mount of a volume",
    { mount: ["source=data,target=/d"] },
    /a process can have mounts of type bind and tmpfs only/,
  ],
  ["a mount's type", { mount: ["type=nfs,target=/d"] }, /^--mount type: "nfs" is not one of bind, volume, tmpfs/],
  ["a mount's word", { mount: ["type=bind,source=/a,target=/b,speed=9"] }, /speed is not one of type, source/],
  ["no target", { mount: ["type=tmpfs"] }, /^--mount target: "type=tmpfs" has none/],
  ["a relative target", { mount: ["type=tmpfs,target=x"] }, /^--mount target: "x" is not a plain absolute path/],
  ["a target that climbs", { mount: ["type=tmpfs,target=/a/.."] }, /^--mount target: "\/a\/\.\." is not a plain/],
  ["a relative source", { mount: ["type=bind,source=a,target=/b"] }, /^--mount source: "a" is not/],
  ["a tmpfs of something", { mount: ["type=tmpfs,source=/a,target=/b"] }, /a tmpfs has no source/],
  ["a bind's size", { mount: ["type=bind,source=/a,target=/b,tmpfs-size=1M"] }, /tmpfs-size is for type=tmpfs only/],
  ["a tmpfs' mode", { mount: ["type=tmpfs,target=/b,tmpfs-mode=9"] }, /^--mount tmpfs-mode: "9" is not a mode/],
  ["a mount twice", { mount: ["type=tmpfs,target=/b", "type=tmpfs,target=/b"] }, /mounted at \/b twice/],
  ["neither yes nor no", { mount: ["type=tmpfs,target=/b,readonly=maybe"] }, /^--mount readonly: "maybe" is not true/],
  ["a capability", { capAdd: ["FLY"] }, /^--cap-add: "FLY" is not a capability/],
  ["added and dropped", { capAdd: ["KILL"], capDrop: ["CAP_KILL"] }, /^--cap-add: CAP_KILL is to be dropped too/],
  ["a limit's name", { ulimit: ["files=1"] }, /^--ulimit: "files" is not one of core, cpu/],
  ["a limit's number", { ulimit: ["nofile=many"] }, /^--ulimit: "nofile=many" is not a limit/],
  ["a limit above its bound", { ulimit: ["nofile=2:1"] }, /the soft limit is above the hard one/],
  ["no limit above a bound", { ulimit: ["nofile=-1:1"] }, /the soft limit is above the hard one/],
  ["a limit twice", { ulimit: ["nofile=1", "nofile=2"] }, /^--ulimit: nofile is given twice/],
  ["swap without a limit", { memorySwap: "1M" }, /^--memory-swap: it comes on top of a memory limit/],
  ["swap", { limitMemory: "8M", memorySwap: "-2" }, /^--memory-swap: "-2" is not a size/],
  ["swappiness", { memorySwappiness: "101" }, /^--memory-swappiness: "101" is not a whole number from 0 to 100/],
  ["a real-time signal", { stopSignal: "SIGRTMIN+1" }, /^--stop-signal: SIGRTMIN\+1 is a real-time signal/],
  ["one by number", { stopSignal: "40" }, /^--stop-signal: 40 is a real-time signal/],
  ["two folders", { dir: "/a", workdir: "/b" }, /^--workdir: it is another name of --dir/],
];
for (const [title, flags, message] of REFUSED) {
  test(`create refuses: ${title}`, (t) =>
    t.throws(() => create(flags), { instanceOf: UsageError, message }) && t.pass());
}

const UPDATE_REFUSED: readonly (readonly [string, Flags, RegExp])[] = [
  ["no such secret", { secretRm: ["x"] }, /^--secret-rm: the service has no secret x/],
  ["no such config", { configRm: ["x"] }, /^--config-rm: the service has no config x/],
  ["no such mount", { mountRm: ["/x"] }, /^--mount-rm: the service mounts nothing at \/x/],
  ["no such limit", { ulimitRm: ["nofile"] }, /^--ulimit-rm: the service has no limit nofile/],
  ["no limit at all", { ulimitRm: ["x"] }, /^--ulimit-rm: "x" is not one of/],
  ["a volume for a process", { mountAdd: ["source=a,target=/b"] }, /a process can have mounts of type bind/],
];
for (const [title, flags, message] of UPDATE_REFUSED) {
  test(`update refuses: ${title}`, (t) =>
    t.throws(() => change(flags), { instanceOf: UsageError, message }) && t.pass());
}

/** As `docker service create --help` and `docker service update --help` of version 28 have them. */
const DOCKERS = {
  create: `cap-add cap-drop config constraint container-label credential-spec detach dns dns-option dns-search endpoint-mode entrypoint
    env env-file generic-resource group health-cmd health-interval health-retries health-start-interval health-start-period
    health-timeout host hostname init isolation label limit-cpu limit-memory limit-pids log-driver log-opt max-concurrent mode mount
    name network no-healthcheck no-resolve-image oom-score-adj placement-pref publish quiet read-only replicas
    replicas-max-per-node reserve-cpu reserve-memory restart-condition restart-delay restart-max-attempts restart-window
    rollback-delay rollback-failure-action rollback-max-failure-ratio rollback-monitor rollback-order rollback-parallelism secret
    stop-grace-period stop-signal sysctl tty ulimit update-delay update-failure-action update-max-failure-ratio update-monitor
    update-order update-parallelism user with-registry-auth workdir`,
  update: `args cap-add cap-drop config-add config-rm constraint-add constraint-rm container-label-add container-label-rm
    credential-spec detach dns-add dns-option-add dns-option-rm dns-rm dns-search-add dns-search-rm endpoint-mode entrypoint env-add
    env-rm force generic-resource-add generic-resource-rm group-add group-rm health-cmd health-interval health-retries
    health-start-interval health-start-period health-timeout host-add host-rm hostname image init isolation label-add label-rm
    limit-cpu limit-memory limit-pids log-driver log-opt max-concurrent mount-add mount-rm network-add network-rm no-healthcheck
    no-resolve-image oom-score-adj placement-pref-add placement-pref-rm publish-add publish-rm quiet read-only replicas
    replicas-max-per-node reserve-cpu reserve-memory restart-condition restart-delay restart-max-attempts restart-window rollback
    rollback-delay rollback-failure-action rollback-max-failure-ratio rollback-monitor rollback-order rollback-parallelism
    secret-add secret-rm stop-grace-period stop-signal sysctl-add sysctl-rm tty ulimit-add ulimit-rm update-delay
    update-failure-action update-max-failure-ratio update-monitor update-order update-parallelism user with-registry-auth workdir`,
};

for (const [name, list] of Object.entries(DOCKERS)) {
  test(`every flag of docker service ${name} is there, or refused with a reason`, (t) => {
    const service = buildProgram(async () => {}).commands.find((command) => command.name() === "service")!;
    const own = service.commands.find((command) => command.name() === name)!.options.map(({ long }) => long);
    for (const word of list.trim().split(/\s+/)) {
      const flag = `--${word}`;
      t.not(own.includes(flag), whyRefused(flag) !== undefined, flag);
    }
    for (const flag of REFUSED_FLAGS) t.false(own.includes(flag), `${flag} is refused and there`);
  });
}
