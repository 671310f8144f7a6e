/** Two hosts and a network of both families on the real kernel: virtual addresses of IPv6, as each load balancer carries them. */
import { resolve } from "node:path";
import { macFromAddress } from "../../../overlay/mac-address.js";
import type { LocalTask } from "../../../src/agent/network/local-task.js";
import type { NetworkFacts } from "../../../src/agent/network/network-facts.js";
import { EndpointState, ItemState, type RowUpdate } from "../../../src/api/generated/tswarm/v1/link.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { probe } from "../../kernel/probes.js";
import { endpoint, serviceRow, update } from "../network/rows.js";
import { type MeshHost, type MeshHosts, withMeshHosts } from "./mesh-hosts.js";

const SOURCE = resolve(import.meta.dirname, "../../../../test/agent/mesh");
const SHOP: NetworkFacts = {
  id: "shop",
  name: "shop",
  vni: 4097,
  subnet: "10.0.1.0/24",
  gatewayPrefix: "10.0.1.1/24",
  subnet6: "fd00:1::/64",
  gatewayPrefix6: "fd00:1::1/64",
  internal: false,
  ingress: false,
};
const WEB6 = "fd00:1::2";
const EMPTY6 = "fd00:1::3";

function taskOnShop(id: string, service: string, host: number): LocalTask {
  return {
    id,
    name: id,
    slot: 1,
    serviceId: service,
    serviceName: service,
    hostname: id,
    attachments: [{ networkId: "shop", addressPrefix: `10.0.1.${host}/24`, addressPrefix6: `fd00:1::${host}/64` }],
    ingressPorts: [],
    hostPorts: [],
  };
}

/** One of each on each host. */
const WEB = [taskOnShop("web1", "web", 11), taskOnShop("web2", "web", 12)];
const PROBES = [taskOnShop("probe1", "probe", 21), taskOnShop("probe2", "probe", 22)];

function rows(hosts: readonly MeshHost[], states: readonly EndpointState[], revision: number): RowUpdate {
  const rowsOf = (tasks: readonly LocalTask[]) =>
    tasks.map(({ id, serviceId, attachments: [attachment] }, index) => {
      const address = attachment!.addressPrefix.replace("/24", "");
      return endpoint({
        id: `${id}/shop`,
        nodeId: hosts[index]!.nodeId,
        networkId: "shop",
        taskName: id,
        serviceId,
        address,
        address6: attachment!.addressPrefix6!.replace("/64", ""),
        mac: macFromAddress(address),
        tunnelAddress: hosts[index]!.host.address,
        state: serviceId === "web" ? states[index]! : EndpointState.ENDPOINT_ACTIVE,
        revision,
      });
    });
  const service = (serviceId: string, host: number) =>
    serviceRow({
      serviceId,
      networkId: "shop",
      name: serviceId,
      virtualAddress: `10.0.1.${host}`,
      virtualAddress6: `fd00:1::${host}`,
    });
  return update({
    revision,
    endpoints: [...rowsOf(WEB), ...rowsOf(PROBES)],
    services: [service("web", 2), service("empty", 3)],
  });
}

async function withShop(t: { timeout(ms: number): void }, work: (hosts: MeshHosts) => Promise<void>): Promise<void> {
  await withMeshHosts(t, "s", 2, async (hosts) => {
    const active = [EndpointState.ENDPOINT_ACTIVE, EndpointState.ENDPOINT_ACTIVE];
    await Promise.all(
      hosts.hosts.map((host, index) =>
        host.change(
          { kind: "restored" },
          { kind: "networks", networks: [SHOP] },
          { kind: "task", task: WEB[index]! },
          { kind: "task", task: PROBES[index]! },
          { kind: "rows", update: rows(hosts.hosts, active, 1) },
        ),
      ),
    );
    const server = (name: string) => [process.execPath, `${SOURCE}/echo-server.mjs`, name, "80", "::"];
    await Promise.all(
      hosts.hosts.map((host, index) => hosts.serve(host.inSandbox(WEB[index]!.id, server(WEB[index]!.id)))),
    );
    await work(hosts);
  });
}

kernelTest(
  "a packet of IPv6 finds its way: by virtual address and by the task's own, draining, nobody there, gone",
  { needs: ["ipv6", "load-balancer", "packet-filter", "vxlan"] },
  async (t) => {
    await withShop(t, async (hosts) => {
      const [first] = hosts.hosts as readonly [MeshHost, MeshHost];
      const { hasIpv6, balancesIpv6, loadBalancer } = first.facts;
      t.true(hasIpv6);
      t.is(balancesIpv6, probe(loadBalancer === "ipvs" ? "ipvs-ipv6" : "nftables-ipv6") === undefined, loadBalancer);
      const ask = (at: number, from: string, protocol: string, address: string, count: number) => {
        const program = [process.execPath, `${SOURCE}/ask.mjs`, protocol, address, "80", String(count)];
        return hosts.exec(hosts.hosts[at]!.inSandbox(from, program)).split("\n").sort();
      };
      const change = (update: RowUpdate) =>
        Promise.all(hosts.hosts.map((host) => host.change({ kind: "rows", update })));
      const untouched = async (when: string) => {
        for (const host of hosts.hosts) {
          const { items, paths } = await host.observe();
          const isLed = paths.some((path) => path.startsWith(`web → ${WEB6} → `));
          t.is(isLed, balancesIpv6 && when !== "when all is gone", paths.join("\n"));
          const drifted = items.filter((item) => item.state !== ItemState.ITEM_PRESENT);
          t.deepEqual(drifted, [], `${host.host.name}, ${when}`);
          const destinations = items.filter((item) => item.kind === "destination" && item.key.includes("fd00:1::"));
          t.is(destinations.length > 0, balancesIpv6 && when !== "when all is gone", `${host.host.name}, ${when}`);
          t.true(
            destinations.every(
              (item) => item.serviceId === "web" && item.networkId === "shop" && item.endpointId !== "",
            ),
          );
        }
      };
      /** What ten callers are answered, each task as often as the other. */
      const shares = (source: string) => WEB.flatMap(({ id }) => Array.from({ length: 5 }, () => `${id} ${source}`));

      for (const [index, client] of ["fd00:1::21", "fd00:1::22"].entries()) {
        const name = PROBES[index]!.id;
        for (const protocol of ["tcp", "udp"]) {
          for (const [slot, task] of ["fd00:1::11", "fd00:1::12"].entries()) {
            t.deepEqual(
              ask(index, name, protocol, task, 1),
              [`web${slot + 1} ${client}`],
              `${protocol} ${name} to ${task}`,
            );
          }
          if (!balancesIpv6) continue;
          t.deepEqual(ask(index, name, protocol, WEB6, 10), shares(client), `${protocol} ${name} by virtual address`);
          t.deepEqual(
            ask(index, name, protocol, EMPTY6, 1),
            ["error ECONNREFUSED"],
            `${protocol}: a service without tasks`,
          );
        }
      }
      await untouched("at first");
      if (balancesIpv6) {
        t.deepEqual(ask(0, "web1", "tcp", WEB6, 10), shares("fd00:1::11"), "a client that is itself a backend");
        await change(rows(hosts.hosts, [EndpointState.ENDPOINT_DRAINING, EndpointState.ENDPOINT_ACTIVE], 2));
        for (const protocol of ["tcp", "udp"]) {
          const answers = new Set(ask(0, "probe1", protocol, WEB6, 6));
          t.deepEqual([...answers], ["web2 fd00:1::21"], `${protocol}: a draining task gets nothing new`);
        }
        await untouched("while one drains");
      }
      await change(update({ revision: 3, removedEndpointIds: WEB.map(({ id }) => `${id}/shop`) }));
      if (balancesIpv6) {
        for (const protocol of ["tcp", "udp"]) {
          t.deepEqual(ask(0, "probe1", protocol, WEB6, 1), ["error ECONNREFUSED"], `${protocol}: no task is left`);
        }
      }
      const keys = ["web", "empty"].map((serviceId) => ({ serviceId, networkId: "shop" }));
      await change(update({ revision: 4, removedServices: keys }));
      await untouched("when all is gone");
      const routes = hosts.exec(first.inSandbox("probe1", ["ip", "-6", "route", "show", "table", "local"]));
      t.false(
        [WEB6, EMPTY6].some((address) => routes.includes(`${address} `)),
        routes,
      );
    });
  },
);
