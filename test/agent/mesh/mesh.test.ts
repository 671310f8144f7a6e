/** The way of a packet through two hosts on the real kernel: published ports, virtual addresses, answers to the client itself. */
import { resolve } from "node:path";
import { macFromAddress } from "../../../overlay/mac-address.js";
import type { LocalTask } from "../../../src/agent/network/local-task.js";
import type { NetworkFacts } from "../../../src/agent/network/network-facts.js";
import type { RowUpdate } from "../../../src/api/generated/tswarm/v1/link.js";
import {
  EndpointKind,
  EndpointState,
  ItemState,
  ServiceResolution,
} from "../../../src/api/generated/tswarm/v1/link.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { endpoint, serviceRow, update } from "../network/rows.js";
import { type MeshHost, type MeshHosts, withMeshHosts } from "./mesh-hosts.js";

const SOURCE = resolve(import.meta.dirname, "../../../../test/agent/mesh");
const INGRESS: NetworkFacts = network("ingress", 4096, "10.0.0", true);
const SHOP: NetworkFacts = network("shop", 4097, "10.0.1", false);

function network(id: string, vni: number, base: string, ingress: boolean): NetworkFacts {
  return { id, name: id, vni, subnet: `${base}.0/24`, gatewayPrefix: `${base}.1/24`, internal: false, ingress };
}

/** web.1 on host 1 and web.2 on host 2, published 8080 → 80 on TCP and UDP, on network shop too; probe on host 1. */
const WEB: readonly LocalTask[] = [1, 2].map((slot) => ({
  id: `web${slot}`,
  name: `web.${slot}`,
  slot,
  serviceId: "web",
  serviceName: "web",
  hostname: `web${slot}`,
  attachments: [
    { networkId: "ingress", addressPrefix: `10.0.0.1${slot}/24` },
    { networkId: "shop", addressPrefix: `10.0.1.1${slot}/24` },
  ],
  ingressPorts: (["tcp", "udp"] as const).map((protocol) => ({ protocol, targetPort: 80, publishedPort: 8080 })),
  hostPorts: [],
}));

const PROBE: LocalTask = {
  id: "probe",
  name: "probe.1",
  slot: 1,
  serviceId: "probe",
  serviceName: "probe",
  hostname: "probe",
  attachments: [{ networkId: "shop", addressPrefix: "10.0.1.20/24" }],
  ingressPorts: [],
  hostPorts: [],
};

function rows(hosts: MeshHosts, states: readonly EndpointState[], revision: number): RowUpdate {
  const [first, second] = hosts.hosts as readonly [MeshHost, MeshHost];
  const owners = [first, second];
  const webRows = WEB.flatMap((task, index) =>
    task.attachments.map(({ networkId, addressPrefix }) => {
      const address = addressPrefix.replace("/24", "");
      return endpoint({
        id: `${task.id}/${networkId}`,
        nodeId: owners[index]!.nodeId,
        networkId,
        taskName: task.name,
        serviceId: "web",
        address,
        mac: macFromAddress(address),
        tunnelAddress: owners[index]!.host.address,
        state: states[index]!,
        revision,
      });
    }),
  );
  const gateways = owners.map((owner, index) =>
    endpoint({
      id: `${owner.nodeId}/ingress`,
      kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY,
      nodeId: owner.nodeId,
      networkId: "ingress",
      serviceId: "",
      address: `10.0.0.${2 + index}`,
      mac: macFromAddress(`10.0.0.${2 + index}`),
      tunnelAddress: owner.host.address,
      state: EndpointState.ENDPOINT_CONNECTED,
      revision,
    }),
  );
  const probe = endpoint({
    id: "probe/shop",
    nodeId: first.nodeId,
    networkId: "shop",
    serviceId: "probe",
    address: "10.0.1.20",
    mac: macFromAddress("10.0.1.20"),
    tunnelAddress: first.host.address,
    revision,
  });
  const ports = ["tcp", "udp"].map((protocol) => ({ protocol, targetPort: 80, publishedPort: 8080, name: "" }));
  return update({
    revision,
    endpoints: [...webRows, ...gateways, probe],
    services: [
      serviceRow({ serviceId: "web", networkId: "shop", virtualAddress: "10.0.1.2" }),
      serviceRow({ serviceId: "web", networkId: "ingress", virtualAddress: "", ports }),
      serviceRow({
        serviceId: "empty",
        networkId: "shop",
        name: "empty",
        virtualAddress: "10.0.1.3",
        resolution: ServiceResolution.SERVICE_VIP,
      }),
    ],
  });
}

async function withMesh(t: { timeout(ms: number): void }, work: (hosts: MeshHosts) => Promise<void>): Promise<void> {
  await withMeshHosts(t, "m", 2, async (hosts) => {
    const active = [EndpointState.ENDPOINT_ACTIVE, EndpointState.ENDPOINT_ACTIVE];
    await Promise.all(
      hosts.hosts.map((host, index) =>
        host.change(
          { kind: "restored" },
          { kind: "networks", networks: [INGRESS, SHOP] },
          { kind: "ingress", ingress: { networkId: "ingress", addressPrefix: `10.0.0.${2 + index}/24` } },
          { kind: "task", task: WEB[index]! },
          ...(index === 0 ? [{ kind: "task" as const, task: PROBE }] : []),
          { kind: "rows", update: rows(hosts, active, 1) },
        ),
      ),
    );
    await Promise.all(
      hosts.hosts.map((host, index) =>
        hosts.serve(
          host.inSandbox(WEB[index]!.id, [process.execPath, `${SOURCE}/echo-server.mjs`, WEB[index]!.name, "80"]),
        ),
      ),
    );
    await work(hosts);
  });
}

const ask = (protocol: string, address: string, port: number, count: number) => [
  process.execPath,
  `${SOURCE}/ask.mjs`,
  protocol,
  address,
  String(port),
  String(count),
];

kernelTest(
  "a packet finds its way: mesh, virtual address, host itself, draining, nobody there",
  { needs: ["load-balancer", "packet-filter", "vxlan"] },
  async (t) => {
    await withMesh(t, async (hosts) => {
      const [first, second] = hosts.hosts as readonly [MeshHost, MeshHost];
      const client = hosts.client;
      for (const host of [first, second]) {
        for (const protocol of ["tcp", "udp"]) {
          const answers = hosts.run(client.namespace, ask(protocol, host.host.address, 8080, 10)).split("\n");
          t.deepEqual(
            [...new Set(answers)].sort(),
            [`web.1 ${client.address}`, `web.2 ${client.address}`],
            `${protocol} by ${host.host.name}: all replicas answer, and see the client's own address`,
          );
        }
        for (const address of ["127.0.0.1", host.host.address]) {
          const answers = hosts.run(host.host.namespace, ask("tcp", address, 8080, 4)).split("\n");
          t.true(
            answers.every((answer) => /^web\.[12] /.test(answer)),
            `${host.host.name} itself by ${address}: ${answers}`,
          );
        }
      }
      const fromProbe = hosts.exec(first.inSandbox("probe", ask("tcp", "10.0.1.2", 80, 10))).split("\n");
      t.deepEqual(
        [...new Set(fromProbe)].sort(),
        ["web.1 10.0.1.20", "web.2 10.0.1.20"],
        "by virtual address, seen as itself",
      );
      const fromWeb = hosts.exec(first.inSandbox("web1", ask("tcp", "10.0.1.2", 80, 10))).split("\n");
      t.deepEqual(
        [...new Set(fromWeb)].sort(),
        ["web.1 10.0.1.11", "web.2 10.0.1.11"],
        "a client that is itself a backend",
      );
      t.is(
        hosts.exec(first.inSandbox("probe", ask("tcp", "10.0.1.3", 80, 1))),
        "error ECONNREFUSED",
        "a service without tasks",
      );
      t.is(
        hosts.exec(first.inSandbox("probe", ask("tcp", "10.0.1.12", 80, 1))),
        "web.2 10.0.1.20",
        "a task by its own address",
      );
      t.is(
        hosts.run(client.namespace, ask("tcp", first.host.address, 80, 1)),
        "error ECONNREFUSED",
        "the target port is not open on the host",
      );

      const drained = rows(hosts, [EndpointState.ENDPOINT_DRAINING, EndpointState.ENDPOINT_ACTIVE], 2);
      await Promise.all(hosts.hosts.map((host) => host.change({ kind: "rows", update: drained })));
      for (const host of [first, second]) {
        const answers = hosts.run(client.namespace, ask("tcp", host.host.address, 8080, 6)).split("\n");
        t.deepEqual([...new Set(answers)], [`web.2 ${client.address}`], "a draining task gets nothing new");
      }
      for (const host of hosts.hosts) {
        const { items } = await host.observe();
        t.deepEqual(
          items.filter((item) => item.state !== ItemState.ITEM_PRESENT),
          [],
          host.host.name,
        );
      }

      const gone = update({
        revision: 3,
        removedEndpointIds: WEB.flatMap((task) => task.attachments.map((one) => `${task.id}/${one.networkId}`)),
      });
      await Promise.all(hosts.hosts.map((host) => host.change({ kind: "rows", update: gone })));
      t.is(
        hosts.run(client.namespace, ask("tcp", first.host.address, 8080, 1)),
        "error ECONNREFUSED",
        "no task is left",
      );
      t.is(
        hosts.run(client.namespace, ask("udp", second.host.address, 8080, 1)),
        "error ECONNREFUSED",
        "no task is left, UDP",
      );
      const unpublished = update({ revision: 4, removedServices: [{ serviceId: "web", networkId: "ingress" }] });
      await Promise.all(hosts.hosts.map((host) => host.change({ kind: "rows", update: unpublished })));
      t.is(
        hosts.run(client.namespace, ask("tcp", first.host.address, 8080, 1)),
        "error ECONNREFUSED",
        "the port is not published",
      );
    });
  },
);
