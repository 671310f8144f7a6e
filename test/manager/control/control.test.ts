import { status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { ControlService } from "../../../src/api/generated/docker/swarmkit/v1/control.js";
import type { NetworkSpec, ServiceSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import {
  Mount_Type as MountType,
  NodeRole,
  TaskState,
  UpdateStatus_UpdateState as UpdateState,
} from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { nodeId, type PartialServiceSpec, processService, TestCluster } from "../test-cluster.js";

const refusedAs = async (
  t: ExecutionContext,
  call: Promise<unknown>,
  code: status,
  details: string | RegExp,
  about = "",
) => {
  const error = await t.throwsAsync<Error & { code: status; details: string }>(call, undefined, about);
  t.is(error?.code, code, `${about}: ${error?.details}`);
  if (typeof details === "string") t.is(error?.details, details, about);
  else t.regex(error?.details ?? "", details, about);
};

const port = (publishedPort: number, more: object = {}) => ({ targetPort: 80, publishedPort, ...more });
const HOST = { publishMode: 1 };
const UDP = { protocol: 1 };

const { INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED, ALREADY_EXISTS, FAILED_PRECONDITION } = status;

const BAD_SERVICES: readonly (readonly [
  what: string,
  change: PartialServiceSpec,
  code: status,
  text: string | RegExp,
])[] = [
  ["no name", { annotations: { name: "" } }, INVALID_ARGUMENT, "meta: name must be provided"],
  ["a long name", { annotations: { name: "a".repeat(64) } }, INVALID_ARGUMENT, "name must be 63 characters or fewer"],
  [
    "a name with a dot",
    { annotations: { name: "a.b" } },
    INVALID_ARGUMENT,
    /^name must be valid as a DNS name component/,
  ],
  ["a name that ends badly", { annotations: { name: "a-" } }, INVALID_ARGUMENT, /^name must be valid/],
  ["no mode", { mode: undefined }, INVALID_ARGUMENT, /missing service mode/],
  ["no runtime", { task: { runtime: undefined } }, INVALID_ARGUMENT, "TaskSpec: missing runtime"],
  [
    "a container without image",
    { task: { runtime: { $case: "container", value: {} } } },
    INVALID_ARGUMENT,
    "ContainerSpec: image reference must be provided",
  ],
  [
    "a mount twice",
    { task: { runtime: { $case: "container", value: { image: "i", mounts: [{ target: "/x" }, { target: "/x" }] } } } },
    INVALID_ARGUMENT,
    "ContainerSpec: duplicate mount point: /x",
  ],
  [
    "a cluster volume",
    {
      task: {
        runtime: { $case: "container", value: { image: "i", mounts: [{ target: "/x", type: MountType.CLUSTER }] } },
      },
    },
    UNIMPLEMENTED,
    /^cluster volumes/,
  ],
  [
    "a reserved runtime",
    { task: { runtime: { $case: "generic", value: { kind: "container", payload: {} } } } },
    INVALID_ARGUMENT,
    "Generic runtime: container is a reserved keyword",
  ],
  [
    "a short runtime",
    { task: { runtime: { $case: "generic", value: { kind: "ab", payload: {} } } } },
    INVALID_ARGUMENT,
    'Generic runtime: Invalid name "ab"',
  ],
  [
    "a process without command",
    { task: { runtime: { $case: "generic", value: { kind: "process", payload: {} } } } },
    INVALID_ARGUMENT,
    "ProcessSpec: a command must be provided",
  ],
  [
    "little CPU",
    { task: { resources: { reservations: { nanoCpus: 1000 } } } },
    INVALID_ARGUMENT,
    "invalid cpu value 0.000001: Must be at least 0.001",
  ],
  [
    "little memory",
    { task: { resources: { limits: { memoryBytes: 1024 } } } },
    INVALID_ARGUMENT,
    "invalid memory value 1024: Must be at least 4MiB",
  ],
  [
    "a negative delay",
    { task: { restart: { delay: { seconds: -1 } } } },
    INVALID_ARGUMENT,
    "TaskSpec: restart-delay cannot be negative",
  ],
  ["a bad constraint", { task: { placement: { constraints: ["1n==v"] } } }, INVALID_ARGUMENT, "key '1n' is invalid"],
  [
    "a bad ratio of the update",
    { update: { maxFailureRatio: 1.5 } },
    INVALID_ARGUMENT,
    "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
  ],
  [
    "a bad ratio of the rollback",
    { rollback: { maxFailureRatio: -0.5 } },
    INVALID_ARGUMENT,
    "TaskSpec: rollback-maxfailureratio cannot be less than 0 or bigger than 1",
  ],
  [
    "a port with DNS round robin",
    { endpoint: { mode: 1, ports: [port(80)] } },
    INVALID_ARGUMENT,
    "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
  ],
  [
    "a port twice",
    { endpoint: { ports: [port(80), port(80)] } },
    INVALID_ARGUMENT,
    "EndpointSpec: duplicate published ports provided: 80/tcp",
  ],
  [
    "no target port",
    { endpoint: { ports: [port(80, { targetPort: 0 })] } },
    INVALID_ARGUMENT,
    /^EndpointSpec: target port 0/,
  ],
  [
    "a port that is none",
    { endpoint: { ports: [port(65_536)] } },
    INVALID_ARGUMENT,
    /^EndpointSpec: published port 65536/,
  ],
  [
    "a manager's port",
    { endpoint: { ports: [port(2377)] } },
    INVALID_ARGUMENT,
    /^port 2377\/tcp is used by the cluster itself/,
  ],
  [
    "the gossip port",
    { endpoint: { ports: [port(7946, UDP)] } },
    INVALID_ARGUMENT,
    /^port 7946\/udp is used by the cluster/,
  ],
  [
    "the gossip port on the host",
    { endpoint: { ports: [port(7946, HOST)] } },
    INVALID_ARGUMENT,
    /^port 7946\/tcp is used/,
  ],
  [
    "the VXLAN port",
    { endpoint: { ports: [port(4789, UDP)] } },
    INVALID_ARGUMENT,
    /4789\/udp .*\(the overlay networks\)/,
  ],
  ["an unknown network", { task: { networks: [{ target: "nowhere" }] } }, NOT_FOUND, "network nowhere not found"],
  [
    "the ingress network",
    { task: { networks: [{ target: "ingress" }] } },
    INVALID_ARGUMENT,
    /explicitly attached to the ingress network/,
  ],
  [
    "a network twice",
    { task: { networks: [{ target: "shop" }, { target: "SHOP" }] } },
    INVALID_ARGUMENT,
    /named twice/,
  ],
  ["a name that is taken", { annotations: { name: "WEB" } }, ALREADY_EXISTS, "service WEB already exists"],
  [
    "a port that is taken",
    { endpoint: { ports: [port(8080)] } },
    INVALID_ARGUMENT,
    /^port '8080' is already in use by service 'web' \(/,
  ],
  [
    "the same port on the host",
    { endpoint: { ports: [port(8080, HOST)] } },
    INVALID_ARGUMENT,
    /^port '8080' is already in use by service 'web'/,
  ],
  [
    "a port that another has on the host",
    { endpoint: { ports: [port(9090)] } },
    INVALID_ARGUMENT,
    /'hosted' .* as a host-published port$/,
  ],
];

test("services that are refused, each with its reason, and nothing is changed", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  await cluster.createNetwork("shop");
  await cluster.createService(processService("web", 1, { endpoint: { ports: [port(8080)] } }));
  await cluster.createService(processService("hosted", 1, { endpoint: { ports: [port(9090, HOST)] } }));
  await cluster.manager.idle();
  const { version } = cluster.manager.store;
  for (const [what, change, code, text] of BAD_SERVICES) {
    await refusedAs(t, cluster.createService(processService("bad", 1, change)), code, text, what);
  }
  t.is(cluster.manager.store.version, version);
  for (const ports of [[port(2377, UDP)], [port(4789)], [port(8080, UDP)], [port(9090, HOST)]]) {
    await t.notThrowsAsync(
      cluster.createService(processService(`ok-${ports[0]?.publishedPort}`, 0, { endpoint: { ports } })),
    );
  }
});

test("the port that managers really listen on cannot be published", async (t) => {
  const cluster = await TestCluster.start(t, 0, { remoteAddress: "127.0.0.1:24242", dataPathPort: 5789 });
  const create = (...ports: object[]) => cluster.createService(processService("bad", 1, { endpoint: { ports } }));
  await refusedAs(t, create(port(24_242)), INVALID_ARGUMENT, /^port 24242\/tcp is used by the cluster itself/);
  await refusedAs(t, create(port(5789, UDP)), INVALID_ARGUMENT, /^port 5789\/udp is used by the cluster itself/);
});

type NetworkFields = Parameters<typeof NetworkSpec.fromPartial>[0];
const subnet = (text: string, more: object = {}): NetworkFields => ({ ipam: { configs: [{ subnet: text, ...more }] } });

const BAD_NETWORKS: readonly (readonly [fields: NetworkFields, code: status, text: string | RegExp])[] = [
  [{ annotations: { name: "" } }, INVALID_ARGUMENT, "meta: name must be provided"],
  [{ annotations: { name: "Shop" } }, ALREADY_EXISTS, "network Shop already exists"],
  [{ driverConfig: { name: "bridge" } }, UNIMPLEMENTED, /^network driver "bridge" is not available/],
  [{ driverConfig: { options: { encrypted: "" } } }, UNIMPLEMENTED, /^encrypted overlay networks/],
  [{ driverConfig: { options: { "com.docker.network.driver.mtu": "big" } } }, INVALID_ARGUMENT, /driver\.mtu: "big"/],
  [
    { driverConfig: { options: { "com.docker.network.driver.overlay.vxlanid_list": "x" } } },
    INVALID_ARGUMENT,
    '"x" is no VXLAN id',
  ],
  [{ ipv6Enabled: true, ingress: true }, UNIMPLEMENTED, /published ports are answered over IPv4 alone$/],
  [subnet("fd00::/64"), INVALID_ARGUMENT, "ipam configuration: an IPv6 subnet needs IPv6 enabled"],
  [subnet("10.5.0.0"), INVALID_ARGUMENT, "ipam configuration: invalid subnet 10.5.0.0"],
  [
    subnet("10.5.0.7/24"),
    INVALID_ARGUMENT,
    "ipam configuration: invalid subnet 10.5.0.7/24: host bits are set, 10.5.0.0/24 has none",
  ],
  [subnet("10.5.0.0/31"), INVALID_ARGUMENT, /must be from \/8 to \/30/],
  [subnet("127.0.0.0/8"), INVALID_ARGUMENT, /cannot be used/],
  [
    subnet("10.5.0.0/24", { gateway: "10.6.0.1" }),
    INVALID_ARGUMENT,
    "ipam configuration: subnet 10.5.0.0/24 does not contain gateway 10.6.0.1",
  ],
  [subnet("10.5.0.0/24", { gateway: "10.5.0.255" }), INVALID_ARGUMENT, /first or last address/],
  [subnet("10.5.0.0/24", { gateway: "me" }), INVALID_ARGUMENT, "ipam configuration: invalid gateway me"],
  [subnet("10.5.0.0/24", { range: "10.6.0.0/25" }), INVALID_ARGUMENT, /does not contain range/],
  [subnet("", { gateway: "10.5.0.1" }), INVALID_ARGUMENT, /needs a subnet/],
  [subnet("10.0.1.0/25"), INVALID_ARGUMENT, "subnet 10.0.1.0/25 overlaps 10.0.1.0/24 of network shop"],
  [subnet("10.0.0.0/8"), INVALID_ARGUMENT, /overlaps 10\.0\.0\.0\/24 of network ingress/],
  [{ ingress: true }, FAILED_PRECONDITION, "ingress network (ingress) is already present"],
  [{ ingress: true, attachable: true }, INVALID_ARGUMENT, "ingress network cannot be attachable"],
];

test("networks that are refused, each with its reason", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  await cluster.createNetwork("shop");
  await cluster.manager.idle();
  for (const [fields, code, text] of BAD_NETWORKS) {
    await refusedAs(t, cluster.createNetwork("bad", fields), code, text, JSON.stringify(fields));
  }
});

test("the ingress network is replaced by a larger one while nothing is published on it", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const remove = () => cluster.call(ControlService.removeNetwork, { name: "ingress", networkId: "" });
  const ports = [{ targetPort: 80, publishedPort: 8080 }];
  const web = await cluster.createService(processService("web", 1, { endpoint: { ports } }));
  await refusedAs(t, remove(), FAILED_PRECONDITION, /ingress .* cannot be removed: service web publishes ports on it/);
  const [task] = await cluster.untilRunning(web.id, 1);
  await cluster.updateService(web.id, (spec) => ({ ...spec, endpoint: undefined }));
  await cluster.pass(1000);
  await cluster.untilRunning(web.id, 1);
  t.notDeepEqual((await cluster.untilRunning(web.id, 1))[0]?.id, task?.id);
  await cluster.pass(60_000);
  await remove();
  const addresses = () =>
    cluster.manager.store
      .view((read) => read.all("node"))
      .flatMap(({ attachments }) => attachments.flatMap((one) => one.addresses))
      .sort();
  await cluster.manager.idle();
  t.deepEqual(addresses(), []);
  const configs = [{ subnet: "10.100.0.0/16" }];
  await cluster.createNetwork("mesh", { ingress: true, ipam: { configs } });
  await cluster.manager.idle();
  t.deepEqual(addresses(), ["10.100.0.2/16", "10.100.0.3/16"]);
  await refusedAs(t, cluster.createNetwork("more", { ingress: true }), FAILED_PRECONDITION, /already present/);
});

test("a network is found by id and by name, and is not removed while in use", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const shop = await cluster.createNetwork("shop");
  const get = (name: string, networkId: string) =>
    cluster.call(ControlService.getNetwork, { name, networkId, appdata: undefined });
  t.is((await get("", shop.id)).network?.id, shop.id);
  t.is((await get("SHOP", "")).network?.id, shop.id);
  await refusedAs(t, get("other", ""), NOT_FOUND, "network other not found");
  await refusedAs(t, get("", ""), INVALID_ARGUMENT, /neither id nor name/);
  const web = await cluster.createService(processService("web", 1, { task: { networks: [{ target: "shop" }] } }));
  t.is(web.spec?.task?.networks[0]?.target, shop.id, "a name becomes an id");
  const remove = (name: string) => cluster.call(ControlService.removeNetwork, { name, networkId: "" });
  await refusedAs(t, remove("shop"), FAILED_PRECONDITION, "network shop is in use by service web");
  const [task] = await cluster.untilRunning(web.id, 1);
  cluster.agents[0]!.outcome = () => TaskState.RUNNING;
  cluster.agents[0]!.stop();
  await cluster.call(ControlService.removeService, { serviceId: web.id });
  await refusedAs(t, remove("shop"), FAILED_PRECONDITION, `network shop is in use by task ${task?.id}`);
});

test("updates: stale versions, names and modes; history of specifications; rollback", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const web = await cluster.createService(processService("web", 1));
  const update = (change: (spec: ServiceSpec) => ServiceSpec) => cluster.updateService(web.id, change);
  const scale =
    (replicas: number) =>
    (spec: ServiceSpec): ServiceSpec => ({ ...spec, mode: { $case: "replicated", value: { replicas } } });
  await update(scale(2));
  const stale = { serviceId: web.id, serviceVersion: web.meta?.version, spec: web.spec, rollback: 0 };
  await refusedAs(t, cluster.call(ControlService.updateService, stale), status.UNKNOWN, "update out of sequence");
  const unversioned = { ...stale, serviceVersion: undefined };
  await refusedAs(t, cluster.call(ControlService.updateService, unversioned), INVALID_ARGUMENT, /version/);
  await refusedAs(
    t,
    update((spec) => ({ ...spec, annotations: { ...spec.annotations!, name: "other" } })),
    UNIMPLEMENTED,
    "renaming services is not supported",
  );
  await refusedAs(
    t,
    update((spec) => ({ ...spec, mode: { $case: "global", value: {} } })),
    UNIMPLEMENTED,
    "service mode change is not allowed",
  );
  const before = cluster.service(web.id)!;
  const after = await update(scale(3));
  t.is(after.specVersion?.index, before.meta?.version?.index);
  t.is(after.previousSpecVersion?.index, before.specVersion?.index);
  t.deepEqual(after.previousSpec?.mode, { $case: "replicated", value: { replicas: 2 } });
  const rollback = { serviceId: web.id, serviceVersion: after.meta?.version, spec: undefined, rollback: 1 };
  const back = (await cluster.call(ControlService.updateService, rollback)).service!;
  t.deepEqual(back.spec?.mode, { $case: "replicated", value: { replicas: 2 } });
  t.deepEqual(back.previousSpec?.mode, { $case: "replicated", value: { replicas: 3 } });
  t.is(back.updateStatus?.message, "manually requested rollback");
  t.is(back.updateStatus?.state, UpdateState.ROLLBACK_STARTED);
  const fresh = await cluster.createService(processService("fresh", 1));
  const nothing = { ...rollback, serviceId: fresh.id, serviceVersion: fresh.meta?.version };
  await refusedAs(
    t,
    cluster.call(ControlService.updateService, nothing),
    FAILED_PRECONDITION,
    "service fresh does not have a previous spec",
  );
});

test("objects that are not there, and ids that are missing", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const { call } = { call: cluster.call.bind(cluster) };
  await refusedAs(
    t,
    call(ControlService.getService, { serviceId: "x", insertDefaults: false }),
    NOT_FOUND,
    "service x not found",
  );
  await refusedAs(
    t,
    call(ControlService.getService, { serviceId: "", insertDefaults: false }),
    INVALID_ARGUMENT,
    /missing/,
  );
  await refusedAs(t, call(ControlService.removeService, { serviceId: "x" }), NOT_FOUND, "service x not found");
  await refusedAs(t, call(ControlService.getNode, { nodeId: "x" }), NOT_FOUND, "node x not found");
  await refusedAs(t, call(ControlService.getTask, { taskId: "x" }), NOT_FOUND, "task x not found");
  await refusedAs(t, call(ControlService.removeTask, { taskId: "x" }), NOT_FOUND, "task x not found");
  await refusedAs(t, call(ControlService.getCluster, { clusterId: "x" }), NOT_FOUND, "cluster x not found");
});

test("what is not built says so", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const text = "docker.swarmkit.v1.Control/ListVolumes is not available in this version of tswarm";
  await refusedAs(t, cluster.call(ControlService.listVolumes, { filters: undefined }), UNIMPLEMENTED, text);
});

test("filters: any value of a list, all lists", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const make = (name: string, labels: Record<string, string>) =>
    cluster.createService(processService(name, 1, { annotations: { name, labels } }));
  const [web, worker, db] = [
    await make("web", { tier: "front" }),
    await make("worker", { tier: "back" }),
    await make("db", { tier: "back", big: "" }),
  ];
  const none = { names: [], idPrefixes: [], namePrefixes: [], labels: {}, runtimes: [] };
  const services = async (filters: Partial<typeof none>) => {
    const answer = await cluster.call(ControlService.listServices, { filters: { ...none, ...filters } });
    return answer.services.map(({ spec }) => spec?.annotations?.name).sort();
  };
  t.deepEqual(await services({}), ["db", "web", "worker"]);
  t.deepEqual(await services({ names: ["WEB", "db"] as never }), ["db", "web"]);
  t.deepEqual(await services({ namePrefixes: ["w"] as never }), ["web", "worker"]);
  t.deepEqual(await services({ labels: { tier: "back" } }), ["db", "worker"]);
  t.deepEqual(await services({ labels: { big: "" } }), ["db"]);
  t.deepEqual(await services({ labels: { tier: "back" }, namePrefixes: ["w"] as never }), ["worker"]);
  t.deepEqual(await services({ idPrefixes: [db.id.slice(0, 10)] as never }), ["db"]);
  t.deepEqual(await services({ runtimes: ["process"] as never }), ["db", "web", "worker"]);
  t.deepEqual(await services({ runtimes: ["container"] as never }), []);
  for (const { id } of [web, worker, db]) await cluster.untilRunning(id, 1);
  const everyTask = { ...none, serviceIds: [], nodeIds: [], desiredStates: [], upToDate: false };
  const tasks = async (filters: object) => {
    const answer = await cluster.call(ControlService.listTasks, { filters: { ...everyTask, ...filters } });
    return answer.tasks.map(({ serviceAnnotations }) => serviceAnnotations?.name).sort();
  };
  t.deepEqual(await tasks({}), ["db", "web", "worker"]);
  t.deepEqual(await tasks({ serviceIds: [web.id, db.id] }), ["db", "web"]);
  t.deepEqual(await tasks({ desiredStates: [TaskState.SHUTDOWN] }), []);
  t.deepEqual(await tasks({ upToDate: true, serviceIds: [web.id] }), ["web"]);
  const placed = cluster.tasks(web.id)[0]!;
  t.true((await tasks({ nodeIds: [placed.nodeId] })).includes("web"));
  t.deepEqual(await tasks({ nodeIds: [placed.nodeId], serviceIds: [web.id], names: [placed.annotations!.name] }), [
    "web",
  ]);
  const filters = { ...none, nodeLabels: {}, memberships: [], roles: [NodeRole.MANAGER] };
  const { nodes } = await cluster.call(ControlService.listNodes, { filters });
  t.deepEqual(
    nodes.map(({ id }) => id),
    [nodeId(1)],
  );
  t.true(nodes[0]?.managerStatus?.leader);
});

test("the cluster object: one, named default, without keys", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const { clusters } = await cluster.call(ControlService.listClusters, { filters: undefined });
  t.is(clusters.length, 1);
  t.is(clusters[0]?.spec?.annotations?.name, "default");
  t.is(clusters[0]?.VXLANUDPPort, 4789);
  const same = await cluster.call(ControlService.getCluster, { clusterId: clusters[0]!.id });
  t.is(same.cluster?.id, clusters[0]?.id);
});

test("nodes: a worker becomes a manager at once, and the only manager stays one", async (t) => {
  const cluster = await TestCluster.start(t, 2);
  const update = async (number: number, desiredRole: NodeRole) => {
    const { node } = await cluster.call(ControlService.getNode, { nodeId: nodeId(number) });
    const spec = { ...node!.spec!, desiredRole };
    return cluster.call(ControlService.updateNode, { nodeId: nodeId(number), nodeVersion: node?.meta?.version, spec });
  };
  await refusedAs(
    t,
    update(1, NodeRole.WORKER),
    FAILED_PRECONDITION,
    "attempting to demote the last manager of the swarm",
  );
  await update(2, NodeRole.MANAGER);
  await cluster.until("its agent is told", () => cluster.agents[1]?.node?.role === NodeRole.MANAGER);
  await refusedAs(
    t,
    update(1, NodeRole.WORKER),
    FAILED_PRECONDITION,
    "attempting to demote the last manager of the swarm",
    "one that has no manager yet does not count",
  );
  await update(2, NodeRole.WORKER);
  await cluster.until("its agent is told", () => cluster.agents[1]?.node?.role === NodeRole.WORKER);
});

test("a task that is removed is made anew", async (t) => {
  const cluster = await TestCluster.start(t, 1);
  const web = await cluster.createService(processService("web", 1));
  const [task] = await cluster.untilRunning(web.id, 1);
  await cluster.call(ControlService.removeTask, { taskId: task!.id });
  await cluster.until("another runs", () => cluster.running(web.id).some(({ id }) => id !== task!.id));
  t.is(cluster.tasks(web.id).length, 1);
});

test("defaults are filled in when they are asked for", async (t) => {
  const cluster = await TestCluster.start(t, 0);
  const web = await cluster.createService(processService("web", 1));
  t.is(web.spec?.update, undefined);
  const { service } = await cluster.call(ControlService.getService, { serviceId: web.id, insertDefaults: true });
  t.is(service?.spec?.update?.parallelism, 1);
  t.is(service?.spec?.task?.restart?.delay?.seconds, 5);
});
