import test from "ava";
import type { ServiceSpec } from "../../src/api/generated/docker/swarmkit/v1/specs.js";
import { UsageError } from "../../src/cli/failure.js";
import { readScales } from "../../src/cli/service/scale.js";
import { PROGRESS_DEADLINE_LABEL, STRATEGY_LABEL } from "../../src/cli/service/spec/behaviour.js";
import { draftService } from "../../src/cli/service/spec/create.js";
import { genericText } from "../../src/cli/service/spec/generic-resource.js";
import { emptyContainer, processOf } from "../../src/cli/service/spec/runtime.js";
import { asksForChange, readServiceUpdate } from "../../src/cli/service/spec/update.js";
import {
  PROGRESS_DEADLINE_LABEL as MANAGERS_DEADLINE_LABEL,
  parseProgressDeadline,
} from "../../src/manager/orchestrator/progress-deadline.js";
import { isStrategy, STRATEGY_LABEL as MANAGERS_STRATEGY_LABEL } from "../../src/manager/scheduler/strategy.js";
import { id, processService, SHOP } from "./fixtures.js";

const spec = (flags: Record<string, unknown>, args = ["node", "server.js"]) =>
  draftService(flags, args, { HOME: "/root" }).spec;

test("a process service carries its command as a payload", (t) => {
  const draft = draftService(
    {
      name: "web",
      replicas: "3",
      network: ["shop,alias=x"],
      publish: ["8080:80"],
      env: ["A=1", "HOME"],
      user: "www:www",
      group: ["audio"],
      dir: "/srv",
      hostname: "h",
      host: ["db:10.0.0.9"],
      dns: ["10.0.0.53"],
      dnsSearch: ["example.com"],
      dnsOption: ["ndots:1"],
      stopSignal: "int",
      stopGracePeriod: "3s",
      limitPids: "10",
      label: ["tier=front"],
    },
    ["node", "server.js", "--x"],
    { HOME: "/root" },
  );
  t.deepEqual(draft.networks, [{ network: "shop", aliases: ["x"] }]);
  t.deepEqual(draft.spec.annotations?.labels, { tier: "front" });
  t.deepEqual(draft.spec.mode, { $case: "replicated", value: { replicas: 3 } });
  t.is(draft.spec.endpoint?.ports[0]?.publishedPort, 8080);
  t.deepEqual(processOf(draft.spec.task), {
    command: ["node", "server.js", "--x"],
    env: ["A=1", "HOME=/root"],
    dir: "/srv",
    user: "www:www",
    groups: ["audio"],
    hostname: "h",
    stopSignal: "SIGINT",
    stopGracePeriod: { seconds: 3, nanos: 0 },
    pidsLimit: 10,
    hosts: ["10.0.0.9 db"],
    dnsNameservers: ["10.0.0.53"],
    dnsSearch: ["example.com"],
    dnsOptions: ["ndots:1"],
    healthcheck: undefined,
    secrets: [],
    configs: [],
    mounts: [],
    capabilityAdd: [],
    capabilityDrop: [],
    ulimits: [],
  });
});

test("what is not asked for is left to the cluster", (t) => {
  const { task, update, rollback, endpoint } = spec({ name: "web" });
  t.is(task?.resources, undefined);
  t.is(task?.restart, undefined);
  t.is(task?.placement, undefined);
  t.is(update, undefined);
  t.is(rollback, undefined);
  t.is(endpoint, undefined);
});

test("a container service has an image and arguments", (t) => {
  const { task } = spec({ name: "cache", runtime: "container", env: ["A=1"], dns: ["10.0.0.53"] }, [
    "redis:7",
    "--save",
    "",
  ]);
  t.is(task?.runtime?.$case, "container");
  t.deepEqual(task?.runtime?.value, {
    ...emptyContainer(),
    image: "redis:7",
    args: ["--save", ""],
    env: ["A=1"],
    dnsConfig: { nameservers: ["10.0.0.53"], search: [], options: [] },
  });
});

test("placement, resources and policies", (t) => {
  const { task, update, rollback, mode } = spec({
    name: "web",
    constraint: ["node.role == worker"],
    placementPref: ["spread=node.labels.zone"],
    replicasMaxPerNode: "2",
    limitCpu: "1",
    limitMemory: "64M",
    reserveCpu: "0.5",
    restartCondition: "on-failure",
    restartWindow: "1m",
    updateOrder: "start-first",
    updateFailureAction: "rollback",
    rollbackParallelism: "0",
  });
  t.deepEqual(mode, { $case: "replicated", value: { replicas: 1 } });
  t.deepEqual(task?.placement?.constraints, ["node.role==worker"]);
  t.is(task?.placement?.preferences[0]?.Preference?.value.spreadDescriptor, "node.labels.zone");
  t.is(task?.placement?.maxReplicas, 2);
  t.deepEqual(task?.resources?.limits, { nanoCpus: 1e9, memoryBytes: 64 * 1024 ** 2, generic: [] });
  t.deepEqual(task?.resources?.reservations, { nanoCpus: 5e8, memoryBytes: 0, generic: [] });
  t.is(task?.restart?.condition, 1);
  t.deepEqual(task?.restart?.delay, { seconds: 5, nanos: 0 }, "the cluster's default goes along");
  t.deepEqual(task?.restart?.window, { seconds: 60, nanos: 0 });
  t.is(update?.order, 1);
  t.is(update?.failureAction, 2);
  t.is(update?.parallelism, 1, "0 would mean all at once");
  t.is(rollback?.parallelism, 0);
});

const refusals: readonly (readonly [string, Record<string, unknown>, readonly string[], RegExp])[] = [
  ["no command", { name: "web" }, [], /nothing to run: give the command/],
  ["no image", { name: "web", runtime: "container" }, [], /nothing to run: give the image/],
  ["empty command", { name: "web" }, [""], /nothing to run/],
  ["no name", {}, ["x"], /^--name: a service needs a name/],
  ["bad name", { name: "-" }, ["x"], /^--name: "-" is not a name/],
  ["bad runtime", { name: "web", runtime: "vm" }, ["x"], /^--runtime: "vm" is not one of process, container/],
  ["bad mode", { name: "web", mode: "daemon" }, ["x"], /^--mode/],
  ["global with replicas", { name: "web", mode: "global", replicas: "2" }, ["x"], /^--replicas: a global service/],
  ["global job with replicas", { name: "j", mode: "global-job", replicas: "2" }, ["x"], /^--replicas: a global job/],
  ["concurrency of a service", { name: "w", maxConcurrent: "2" }, ["x"], /^--max-concurrent: only a replicated job/],
  ["no concurrency", { name: "j", mode: "replicated-job", maxConcurrent: "0" }, ["x"], /^--max-concurrent: "0"/],
  [
    "updates of a job",
    { name: "j", mode: "global-job", updateDelay: "1s" },
    ["x"],
    /^--update-delay: a job is not upd/,
  ],
  [
    "rollbacks of a job",
    { name: "j", mode: "replicated-job", rollbackOrder: "stop-first" },
    ["x"],
    /^--rollback-order: a job/,
  ],
  ["bad resource", { name: "web", genericResource: ["gpu"] }, ["x"], /^--generic-resource: "gpu" is not a resource/],
  ["no resource", { name: "web", genericResource: ["gpu=0"] }, ["x"], /^--generic-resource: "0" is not a whole number/],
  ["resource twice", { name: "web", genericResource: ["gpu=1", "gpu=2"] }, ["x"], /gpu is asked for twice/],
  [
    "bad strategy",
    { name: "web", placementStrategy: "random" },
    ["x"],
    /^--placement-strategy: "random" is not one of/,
  ],
  ["bad deadline", { name: "web", updateProgressDeadline: "soon" }, ["x"], /^--update-progress-deadline: "soon"/],
  ["bad replicas", { name: "web", replicas: "-1" }, ["x"], /^--replicas/],
  ["port twice", { name: "web", publish: ["80:80", "80:81"] }, ["x"], /^--publish: port 80\/tcp is published twice/],
  ["dnsrr with ingress", { name: "web", endpointMode: "dnsrr", publish: ["80:80"] }, ["x"], /needs a virtual IP/],
  [
    "reserve above limit",
    { name: "web", limitMemory: "8M", reserveMemory: "9M" },
    ["x"],
    /^--reserve-memory: 9MiB is more/,
  ],
  ["reserve cpu above limit", { name: "web", limitCpu: "1", reserveCpu: "2" }, ["x"], /^--reserve-cpu: 2 is more/],
  ["bad env", { name: "web", env: ["NOPE"] }, ["x"], /^--env: NOPE has no value/],
  ["bad env file", { name: "web", envFile: ["/nonexistent"] }, ["x"], /^--env-file: cannot read \/nonexistent/],
  ["rollback of rollback", { name: "web", rollbackFailureAction: "rollback" }, ["x"], /^--rollback-failure-action/],
  ["bad ratio", { name: "web", updateMaxFailureRatio: "2" }, ["x"], /^--update-max-failure-ratio/],
  ["empty group", { name: "web", group: [""] }, ["x"], /^--group: the value is empty/],
];

for (const [title, flags, args, message] of refusals) {
  test(`create refuses: ${title}`, (t) => {
    t.throws(() => draftService(flags, args, {}), { instanceOf: UsageError, message });
  });
}

test("dnsrr publishes in host mode", (t) => {
  t.is(spec({ name: "web", endpointMode: "dnsrr", publish: ["target=80,published=80,mode=host"] }).endpoint?.mode, 1);
});

const web = processService("web").spec as ServiceSpec;
const change = (flags: Record<string, unknown>, command: string[] = [], from = web) =>
  readServiceUpdate(flags, command, {}).apply(from, [], []);

test("an update leaves alone what it does not name", (t) => {
  t.deepEqual(change({ replicas: "5" }), { ...web, mode: { $case: "replicated", value: { replicas: 5 } } });
});

test("one update moves a port", (t) => {
  const { endpoint } = change({ publishRm: ["80"], publishAdd: ["8081:80"] });
  t.deepEqual(
    endpoint?.ports.map(({ publishedPort, targetPort }) => [publishedPort, targetPort]),
    [[8081, 80]],
  );
  t.deepEqual(change({ publishAdd: ["8080:80"] }).endpoint?.ports.length, 1, "published already: nothing to add");
  t.deepEqual(change({ publishRm: ["8080:80"] }).endpoint?.ports, []);
});

test("command and environment of a process", (t) => {
  const process = processOf(change({ envAdd: ["LEVEL=debug", "B=2"], user: "www" }, ["node", "other.js"]).task);
  t.deepEqual(process?.command, ["node", "other.js"]);
  t.deepEqual(process?.env, ["LEVEL=debug", "B=2"]);
  t.is(process?.user, "www");
  t.deepEqual(processOf(change({ envRm: ["LEVEL"] }).task)?.env, []);
});

test("image and arguments of a container", (t) => {
  const from = {
    ...web,
    task: { ...web.task!, runtime: { $case: "container", value: { ...emptyContainer(), image: "a" } } },
  } as const;
  const { task } = change({ image: "b" }, ["-v"], from);
  t.like(task?.runtime?.value, { image: "b", args: ["-v"] });
});

test("labels, constraints, force and networks", (t) => {
  const labelled = change({ labelAdd: ["a=1", "b=2"], constraintAdd: ["node.role==worker"], force: true });
  t.deepEqual(labelled.annotations?.labels, { a: "1", b: "2" });
  t.is(labelled.task?.forceUpdate, 1);
  const again = change(
    { labelRm: ["a"], constraintRm: ["node.role == worker"], constraintAdd: ["node.id!=x"] },
    [],
    labelled,
  );
  t.deepEqual(again.annotations?.labels, { b: "2" });
  t.deepEqual(again.task?.placement?.constraints, ["node.id!=x"]);
  const back = { target: id("back"), aliases: [], addresses: [], driverAttachmentOpts: {} };
  const moved = readServiceUpdate({ networkAdd: ["back"] }, [], {}).apply(web, [back], [SHOP.id]);
  t.deepEqual(moved.task?.networks, [back]);
});

const updateRefusals: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  [
    "port not published",
    { publishRm: ["81"] },
    /^--publish-rm: the service does not publish 81\/tcp: it publishes \*:8080->80\/tcp/,
  ],
  ["port taken by itself", { publishAdd: ["8080:81"] }, /^--publish-add: port 8080\/tcp is published twice/],
  ["no such label", { labelRm: ["x"] }, /^--label-rm: the service has no label x/],
  ["no such variable", { envRm: ["X"] }, /^--env-rm: the service has no environment variable X/],
  ["no such constraint", { constraintRm: ["node.id==x"] }, /^--constraint-rm: the service has no constraint/],
  [
    "no such preference",
    { placementPrefRm: ["spread=node.labels.rack"] },
    /^--placement-pref-rm: the service has no preference spread=node\.labels\.rack/,
  ],
  ["no such resource", { genericResourceRm: ["gpu"] }, /^--generic-resource-rm: the service reserves no gpu/],
  ["concurrency of a service", { maxConcurrent: "2" }, /^--max-concurrent: service web is not a replicated job/],
  ["image of a process", { image: "x" }, /^--image: the service runs a process/],
];

for (const [title, flags, message] of updateRefusals) {
  test(`update refuses: ${title}`, (t) => {
    t.throws(() => change(flags), { instanceOf: UsageError, message });
  });
}

test("only a replicated service is scaled", (t) => {
  const global = { ...web, mode: { $case: "global", value: {} } } as const;
  t.throws(() => change({ replicas: "2" }, [], global), {
    instanceOf: UsageError,
    message: /service web is not replicated/,
  });
});

const jobOf = (totalCompletions: number, maxConcurrent: number) =>
  ({ $case: "replicatedJob", value: { totalCompletions, maxConcurrent } }) as const;

test("jobs: completions, how many at once, and what a change makes of them", (t) => {
  t.deepEqual(spec({ name: "j", mode: "replicated-job" }).mode, jobOf(1, 1));
  t.deepEqual(spec({ name: "j", mode: "replicated-job", replicas: "9" }).mode, jobOf(9, 9), "all at once");
  t.deepEqual(spec({ name: "j", mode: "replicated-job", replicas: "9", maxConcurrent: "2" }).mode, jobOf(9, 2));
  t.deepEqual(spec({ name: "j", mode: "global-job" }).mode, { $case: "globalJob", value: {} });
  const job = { ...web, mode: jobOf(9, 2) };
  t.deepEqual(change({ replicas: "5" }, [], job).mode, jobOf(5, 2));
  t.deepEqual(change({ maxConcurrent: "4" }, [], job).mode, jobOf(9, 4));
  t.throws(() => change({ updateParallelism: "2" }, [], job), { instanceOf: UsageError, message: /^--update-parall/ });
});

test("preferences keep their order, what is added is the finest", (t) => {
  const descriptors = (from: ServiceSpec) =>
    from.task?.placement?.preferences.map(({ Preference }) => Preference?.value.spreadDescriptor);
  const two = change({ placementPrefAdd: ["spread=node.labels.zone", "spread=node.labels.rack"] });
  t.deepEqual(descriptors(two), ["node.labels.zone", "node.labels.rack"]);
  const again = change({ placementPrefAdd: ["spread=node.labels.zone"] }, [], two);
  t.deepEqual(descriptors(again), descriptors(two), "it has it already");
  const moved = change(
    { placementPrefRm: ["spread=node.labels.zone"], placementPrefAdd: ["spread=node.labels.zone"] },
    [],
    two,
  );
  t.deepEqual(descriptors(moved), ["node.labels.rack", "node.labels.zone"]);
});

test("generic resources", (t) => {
  const generic = (from: ServiceSpec) => from.task?.resources?.reservations?.generic.map(genericText);
  const made = spec({ name: "web", genericResource: ["gpu=2", "fpga=1"] });
  t.deepEqual(generic(made), ["gpu=2", "fpga=1"]);
  t.deepEqual(generic(change({ genericResourceAdd: ["gpu=3"] }, [], made)), ["fpga=1", "gpu=3"]);
  t.deepEqual(generic(change({ genericResourceRm: ["gpu"] }, [], made)), ["fpga=1"]);
  t.deepEqual(generic(change({ reserveCpu: "1" }, [], made)), ["gpu=2", "fpga=1"], "they stay");
});

test("lists of the surroundings grow and shrink, in a process and in a container", (t) => {
  const begun = change({ host: ["db:10.0.0.9"], dns: ["10.0.0.53"], group: ["audio"] });
  const more = { hostAdd: ["api:10.0.0.8"], dnsAdd: ["10.0.0.54", "10.0.0.53"], dnsSearchAdd: ["example.com"] };
  const process = processOf(change({ ...more, groupRm: ["audio"], hostRm: ["db:10.0.0.9"] }, [], begun).task);
  t.deepEqual(process?.hosts, ["10.0.0.8 api"]);
  t.deepEqual(process?.dnsNameservers, ["10.0.0.53", "10.0.0.54"]);
  t.deepEqual(process?.dnsSearch, ["example.com"]);
  t.deepEqual(process?.groups, []);
  const container = { $case: "container", value: { ...emptyContainer(), image: "a", groups: ["audio"] } } as const;
  const from = { ...web, task: { ...web.task!, runtime: container } };
  const changed = change({ ...more, dnsOptionAdd: ["ndots:1"] }, [], from).task?.runtime;
  t.deepEqual(changed?.value, {
    ...container.value,
    hosts: ["10.0.0.8 api"],
    dnsConfig: { nameservers: ["10.0.0.54", "10.0.0.53"], search: ["example.com"], options: ["ndots:1"] },
  });
  t.deepEqual(change({ groupRm: ["audio"] }, [], from).task?.runtime?.value, { ...container.value, groups: [] });
  t.throws(() => change({ dnsRm: ["10.0.0.1"] }), {
    instanceOf: UsageError,
    message: "--dns-rm: the service has no 10.0.0.1",
  });
});

test("what the cluster reads from labels is written as it reads it", (t) => {
  const labels = (flags: Record<string, unknown>) => spec({ name: "web", ...flags }).annotations?.labels;
  for (const [text, written] of [
    ["90s", "1m30s"],
    ["1.5h", "1h30m"],
    ["0", "0"],
    ["0s", "0"],
    ["20us", "1ms"],
    ["1500ms", "1.5s"],
  ] as const) {
    const label = labels({ updateProgressDeadline: text })?.[PROGRESS_DEADLINE_LABEL];
    t.is(label, written);
    t.not(parseProgressDeadline(written), undefined, written);
  }
  for (const strategy of ["spread", "binpack"]) {
    t.deepEqual(labels({ placementStrategy: strategy }), { [STRATEGY_LABEL]: strategy });
    t.true(isStrategy(strategy));
  }
  const packed = change({ placementStrategy: "binpack", updateProgressDeadline: "1m" });
  t.deepEqual(packed.annotations?.labels, { [STRATEGY_LABEL]: "binpack", [PROGRESS_DEADLINE_LABEL]: "1m" });
  t.deepEqual([PROGRESS_DEADLINE_LABEL, STRATEGY_LABEL], [MANAGERS_DEADLINE_LABEL, MANAGERS_STRATEGY_LABEL]);
});

test("an update asks for something", (t) => {
  t.false(asksForChange({ resolve: true, detach: true, quiet: true, verify: "0s", socket: "/x" }, []));
  t.true(asksForChange({ resolve: true, replicas: "1" }, []));
  t.true(asksForChange({}, ["node"]));
});

test("scales", (t) => {
  t.deepEqual(
    readScales(["web=5", "api=0"]).map(({ service, replicas }) => [service, replicas]),
    [
      ["web", 5],
      ["api", 0],
    ],
  );
  for (const args of [["web"], ["=5"], ["web="], ["web=x"], ["web=-1"], ["web=1", "web=2"]]) {
    t.throws(() => readScales(args), { instanceOf: UsageError }, args.join(" "));
  }
});
