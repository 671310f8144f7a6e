/** What a node wants of a network of both families: of its tasks, and of the others' rows. */
import test from "ava";
import { IPV6_OFF_FOR_NEW_LINKS } from "../../../overlay/ipv6-settings.js";
import { TaskError } from "../../../src/agent/executor/executor.js";
import { taskEndpoints } from "../../../src/agent/network/endpoint-rows.js";
import { ipv6Hindrance, ipv6Support } from "../../../src/agent/network/ipv6-carriage.js";
import { type LocalTask, readTask } from "../../../src/agent/network/local-task.js";
import type { NetworkFacts } from "../../../src/agent/network/network-facts.js";
import { type NodeNetworkState, nodeWanted } from "../../../src/agent/network/node-wanted.js";
import { RowTable } from "../../../src/agent/network/row-table.js";
import { hostsFile } from "../../../src/agent/network/task-files.js";
import { Task } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { IPAMConfig_AddressFamily as Family } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { EndpointState } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint, update } from "./rows.js";

const OWNER = { nodeId: "node-a", tunnelAddress: "192.0.2.1" };
const FOUR = { family: Family.IPV4, subnet: "10.0.1.0/24", gateway: "10.0.1.1" };
const SIX = { family: Family.IPV6, subnet: "fd00:1:0::/64", gateway: "fd00:1:0::1" };

interface Attachment {
  readonly id: string;
  readonly configs: readonly object[];
  readonly addresses: readonly string[];
  readonly spec?: object;
}

function assigned(...attachments: readonly Attachment[]): Task {
  return Task.fromPartial({
    id: "task1",
    networks: attachments.map(({ id, configs, addresses, spec }, index) => ({
      addresses,
      network: {
        id,
        spec: { annotations: { name: id }, ipv6Enabled: true, ...spec },
        ipam: { configs },
        driverState: { options: { "com.docker.network.driver.overlay.vxlanid_list": String(4097 + index) } },
      },
    })),
  });
}

const BOTH: Attachment = { id: "n1", configs: [FOUR, SIX], addresses: ["10.0.1.4/24", "fd00:1:0::0004/64"] };
const BACK: Attachment = {
  id: "n2",
  configs: [{ subnet: "10.0.2.0/24", gateway: "10.0.2.1" }],
  addresses: ["10.0.2.4/24"],
  spec: { ipv6Enabled: false },
};

/** A node with this task, and a row of another node on each of its networks. */
function wantedOf(task: Task, means: { readonly hasIpv6?: boolean; readonly underlayMtu?: number } = {}) {
  const { task: local, networks } = readTask(task);
  const rows = new RowTable();
  const remote = (networkId: string, address: string, address6: string) =>
    endpoint({ id: `t-${address}/${networkId}`, networkId, address, address6, mac: "02:42:0a:00:01:05" });
  rows.apply(
    update({
      endpoints: [
        remote("n1", "10.0.1.5", "fd00:1::5"),
        remote("n1", "10.0.1.6", ""),
        remote("n2", "10.0.2.5", "fd00:2::5"),
      ],
    }),
  );
  const state: NodeNetworkState = {
    nodeId: OWNER.nodeId,
    bridge: { name: "tswarm0", addressPrefix: "172.18.0.1/16", mtu: 1500 },
    vxlanPort: 4789,
    underlayMtu: 1500,
    hasIpv6: true,
    networks: new Map<string, NetworkFacts>(networks.map((facts) => [facts.id, facts])),
    tasks: new Map<string, LocalTask>([[local.id, local]]),
    gatewayAddresses: new Map([[local.id, "172.18.0.2/16"]]),
    ...means,
  };
  const wanted = nodeWanted(state, rows);
  return { networks: wanted.networks, sandbox: wanted.sandboxes[0]! };
}

test("addresses and subnets of IPv6 are read in one way to write them", (t) => {
  const { task, networks } = readTask(assigned(BOTH, BACK));
  t.like(networks[0], { subnet: "10.0.1.0/24", subnet6: "fd00:1::/64", gatewayPrefix6: "fd00:1::1/64" });
  t.deepEqual(task.attachments, [
    { networkId: "n1", addressPrefix: "10.0.1.4/24", addressPrefix6: "fd00:1::4/64" },
    { networkId: "n2", addressPrefix: "10.0.2.4/24" },
  ]);
  t.false("subnet6" in networks[1]!);
  const bare = readTask(assigned({ ...BOTH, addresses: ["fd00:1::4", "10.0.1.4"] }));
  t.deepEqual(bare.task.attachments, [task.attachments[0]!], "without prefix lengths, in any order");
});

test("a task is not ready before it has both addresses, nor its network before it has both subnets", (t) => {
  const refused = (attachment: Attachment) => {
    const error = t.throws(() => readTask(assigned(attachment)), { instanceOf: TaskError });
    t.false(error?.fatal);
    return error?.message;
  };
  t.is(refused({ ...BOTH, addresses: ["10.0.1.4/24"] }), "task task1 has no IPv6 address on network n1 yet");
  t.is(refused({ ...BOTH, addresses: ["fd00:1::4/64"] }), "task task1 has no address on network n1 yet");
  t.is(refused({ ...BOTH, configs: [FOUR] }), "network n1 has no IPv6 subnet yet");
});

test("what a network without IPv6, and the ingress network, have of it does not count", (t) => {
  for (const spec of [{ ipv6Enabled: false }, { ingress: true }]) {
    const { task, networks } = readTask(assigned({ ...BOTH, spec }));
    t.false("subnet6" in networks[0]!);
    t.deepEqual(task.attachments, [{ networkId: "n1", addressPrefix: "10.0.1.4/24" }]);
  }
});

test("a task's rows have its address of IPv6 where its network has one", (t) => {
  const { task } = readTask(assigned(BOTH, BACK));
  const rows = taskEndpoints(task, EndpointState.ENDPOINT_ACTIVE, 1, OWNER);
  t.deepEqual(
    rows.map(({ networkId, address, address6 }) => [networkId, address, address6]),
    [
      ["n1", "10.0.1.4", "fd00:1::4"],
      ["n2", "10.0.2.4", ""],
    ],
  );
});

test("a network of both families has neighbours of both, another one and its sandboxes none", (t) => {
  const { networks, sandbox } = wantedOf(assigned(BOTH, BACK));
  t.deepEqual(
    networks.map(({ id, gatewayPrefix6, remotes }) => [id, gatewayPrefix6, remotes.map(({ address6 }) => address6)]),
    [
      ["n1", "fd00:1::1/64", ["fd00:1::5", undefined]],
      ["n2", undefined, [undefined]],
    ],
  );
  t.deepEqual(
    sandbox.interfaces.map(({ name, addressPrefix6 }) => [name, addressPrefix6]),
    [
      ["eth0", "fd00:1::4/64"],
      ["eth2", undefined],
    ],
  );
  t.false("addressPrefix6" in sandbox.gateway!);
});

test("a sandbox speaks IPv6 where a network has it and nowhere else, and forwards none", (t) => {
  const off = Object.keys(IPV6_OFF_FOR_NEW_LINKS);
  const six = wantedOf(assigned(BOTH)).sandbox.sysctls;
  const four = wantedOf(assigned(BACK)).sandbox.sysctls;
  for (const path of off) t.deepEqual([six[path], four[path]], ["1", "1"], path);
  t.is(six["net/ipv6/conf/all/forwarding"], "0");
  t.false("net/ipv6/conf/all/forwarding" in four);
});

test("where IPv6 cannot be carried nothing of it is wanted, and it is said why", (t) => {
  const reasons = [
    [{ hasIpv6: false }, "its kernel has no IPv6"],
    [{ underlayMtu: 1329 }, "an MTU of 1279 bytes on the overlay is too small for IPv6, which needs 1280"],
  ] as const;
  for (const [means, reason] of reasons) {
    const { networks, sandbox } = wantedOf(assigned(BOTH), means);
    t.false("gatewayPrefix6" in networks[0]!);
    t.deepEqual(
      networks[0]!.remotes.map((remote) => "address6" in remote),
      [false, false],
    );
    t.false("addressPrefix6" in sandbox.interfaces[0]!);
    t.false("net/ipv6/conf/all/forwarding" in sandbox.sysctls);
    const all = { hasIpv6: true, underlayMtu: 1500, balancesIpv6: true, ...means };
    t.is(ipv6Hindrance({}, all), reason);
    t.is(ipv6Support(all), "none");
  }
  const fine = { hasIpv6: true, underlayMtu: 1330 };
  t.is(ipv6Hindrance({}, fine), undefined);
  t.is(
    ipv6Hindrance({ mtuOption: 1300 }, fine),
    "an MTU of 1250 bytes on the overlay is too small for IPv6, which needs 1280",
  );
  t.is(ipv6Hindrance({ mtuOption: 1500 }, { ...fine, underlayMtu: 1000 }), undefined, "the option wins");
  t.is(ipv6Support({ ...fine, balancesIpv6: true }), "balanced");
  t.is(ipv6Support({ ...fine, balancesIpv6: false }), "unbalanced");
});

test("rows that a manager without IPv6 relayed get their addresses from the next one", (t) => {
  const table = new RowTable();
  const row = endpoint({ id: "t1/n1", revision: 5 });
  table.apply(update({ endpoints: [row] }));
  table.apply(update({ endpoints: [{ ...row, revision: 4, address6: "fd00:1::4" }] }));
  t.is(table.endpoints.get("t1/n1")?.address6, "", "an older row");
  const change = table.apply(update({ endpoints: [{ ...row, address6: "fd00:1::4" }] }));
  t.deepEqual([...change.networkIds], ["n1"]);
  t.is(table.endpoints.get("t1/n1")?.address6, "fd00:1::4");
  t.is(table.apply(update({ endpoints: [{ ...row, address6: "fd00:1::4" }] })).networkIds.size, 0);
  table.apply(update({ endpoints: [row] }));
  t.is(table.endpoints.get("t1/n1")?.address6, "fd00:1::4");
});

test("a task finds its own addresses of both families in /etc/hosts", (t) => {
  const lines = hostsFile(Task.fromPartial({}), "web", ["10.0.1.4", "fd00:1::4"]).split("\n");
  t.deepEqual(lines.slice(-3), ["10.0.1.4\tweb", "fd00:1::4\tweb", ""]);
});
