/** Names on a network of both families. */
import test from "ava";
import { bytesToIp } from "../../../native-bindings/address-text.js";
import { TYPE } from "../../../src/agent/dns/constants.js";
import { SandboxNames } from "../../../src/agent/dns/sandbox-names.js";
import { ZoneTable } from "../../../src/agent/dns/zone-table.js";
import { EndpointState, ServiceResolution } from "../../../src/api/generated/tswarm/v1/link.js";
import { serviceRow } from "../network/rows.js";
import { ask, BACK, query, rows, SHOP, task } from "./sandbox.js";

const BOTH = { ...SHOP, subnet6: "fd00:1::/64" };
/** Its bits end within four of a label. */
const ODD = { id: "n3", name: "odd", subnet: "10.0.3.0/24", subnet6: "fd00:3:0:0:8000::/65", ingress: false };

const dual = (slot: number, over: Parameters<typeof task>[1] = {}) =>
  task(slot, { address6: `fd00:1::${10 + slot}`, ...over });

const ROWS = rows(
  [
    serviceRow({ aliases: ["webalias"], virtualAddress6: "fd00:1::2" }),
    serviceRow({ serviceId: "s2", name: "rr", resolution: ServiceResolution.SERVICE_DNSRR, virtualAddress: "" }),
    serviceRow({ serviceId: "s3", name: "idle", virtualAddress: "10.0.1.3", virtualAddress6: "fd00:1::3" }),
    serviceRow({ serviceId: "s4", name: "early", virtualAddress: "10.0.1.4" }),
    serviceRow({ serviceId: "s5", networkId: "n2", name: "db", virtualAddress: "10.0.2.2" }),
  ],
  [
    dual(1),
    dual(2),
    dual(4, { state: EndpointState.ENDPOINT_CONNECTED }),
    dual(5, { state: EndpointState.ENDPOINT_DRAINING }),
    dual(6, { serviceId: "s2", taskName: "rr.1.t6", taskAliases: [] }),
    // Its node knows no IPv6.
    task(7, { serviceId: "s2", taskName: "rr.2.t7", taskAliases: [] }),
    dual(8, { serviceId: "s4", taskName: "early.1.t8", taskAliases: [] }),
  ],
);

function namesWhere(balancesIpv6: boolean): SandboxNames {
  const zones = new ZoneTable({ balancesIpv6 });
  zones.reconcile(ROWS);
  const attachments = [{ networkId: "n1", addressPrefix: "10.0.1.14/24", addressPrefix6: "fd00:1::14/64" }];
  const own = { id: "t4", name: "web.4.t4", hostname: "my-host", attachments };
  return new SandboxNames(own, [BOTH, BACK, ODD], (id) => zones.zone(id));
}

interface Expected {
  readonly name: string;
  readonly type?: number;
  readonly addresses?: readonly string[];
  readonly ttlSeconds?: number;
  readonly pointer?: string;
  readonly rcode?: number;
  readonly forward?: true;
}

const VIP = { addresses: ["fd00:1::2"], ttlSeconds: 600 };
const TASKS = { addresses: ["fd00:1::11", "fd00:1::12"], ttlSeconds: 5 };
const nibbles = (digits: string) => `${[...digits].reverse().join(".")}.ip6.arpa`;
const SUBNET = "fd00000100000000";
const host = (digits: string) => nibbles(SUBNET + digits.padStart(16, "0"));

const EVERYWHERE: readonly Expected[] = [
  { name: "tasks.web", ...TASKS },
  { name: "tasks.webalias.shop", ...TASKS },
  { name: "rr", addresses: ["fd00:1::16"], ttlSeconds: 5 },
  { name: "tasks.rr", addresses: ["fd00:1::16"], ttlSeconds: 5 },
  { name: "web.2.t2", addresses: ["fd00:1::12"], ttlSeconds: 5 },
  { name: "host-2.shop", addresses: ["fd00:1::12"], ttlSeconds: 5 },
  // Without a virtual address of IPv6 the tasks stand for the service.
  { name: "early", addresses: ["fd00:1::18"], ttlSeconds: 5 },
  { name: "early", type: TYPE.A, addresses: ["10.0.1.4"], ttlSeconds: 600 },
  // The task's own names.
  { name: "my-host", addresses: ["fd00:1::14"], ttlSeconds: 5 },
  { name: "web.4.t4.shop", addresses: ["fd00:1::14"], ttlSeconds: 5 },
  { name: "my-host", type: TYPE.A, addresses: ["10.0.1.14"], ttlSeconds: 5 },
  // Known names without such an address, and nobody upstream is asked for them.
  { name: "rr.2.t7", addresses: [] },
  { name: "db", addresses: [] },
  { name: "tasks.idle", addresses: [] },
  { name: "web", type: TYPE.MX, addresses: [] },
  { name: "tasks.nosuch", rcode: 3 },
  { name: "example.com", forward: true },
  { name: "web.5.t5", forward: true },
  // One family is answer enough.
  { name: "web", type: TYPE.ANY, addresses: ["10.0.1.2"], ttlSeconds: 600 },
  // Reverse.
  { name: host("12"), type: TYPE.PTR, pointer: "web.2.t2.shop" },
  { name: host("12").toUpperCase(), type: TYPE.PTR, pointer: "web.2.t2.shop" },
  { name: host("2"), type: TYPE.PTR, pointer: "web.shop" },
  { name: host("12"), addresses: [] },
  { name: host("99"), type: TYPE.PTR, rcode: 3 },
  { name: nibbles(SUBNET), type: TYPE.NS, rcode: 3 },
  { name: nibbles(SUBNET.slice(0, -1)), type: TYPE.NS, forward: true },
  { name: nibbles("fd000003000000008"), type: TYPE.NS, rcode: 3 },
  { name: nibbles("fd00000300000000f"), type: TYPE.NS, rcode: 3 },
  { name: nibbles("fd000003000000007"), type: TYPE.NS, forward: true },
  { name: nibbles("fd00000300000000"), type: TYPE.NS, forward: true },
  { name: `0.${host("12")}`, type: TYPE.PTR, forward: true },
  { name: nibbles(`${SUBNET}000000000000001g`), type: TYPE.PTR, forward: true },
  { name: nibbles("20010db8000000000000000000000001"), type: TYPE.PTR, forward: true },
  { name: "12.1.0.10.in-addr.arpa", type: TYPE.PTR, pointer: "web.2.t2.shop" },
];

const WHERE_BALANCED: readonly Expected[] = [
  { name: "web", ...VIP },
  { name: "WeBaLias.shop", ...VIP },
  { name: "idle", addresses: ["fd00:1::3"], ttlSeconds: 600 },
];

const WHERE_NOT: readonly Expected[] = [
  { name: "web", ...TASKS },
  { name: "WeBaLias.shop", ...TASKS },
  { name: "idle", addresses: [] },
  { name: "idle", type: TYPE.A, addresses: ["10.0.1.3"], ttlSeconds: 600 },
];

for (const [balancesIpv6, table] of [
  [true, [...EVERYWHERE, ...WHERE_BALANCED]],
  [false, [...EVERYWHERE, ...WHERE_NOT]],
] as const) {
  const names = namesWhere(balancesIpv6);
  const where = balancesIpv6 ? "balanced" : "not balanced";
  for (const { name, type = TYPE.AAAA, ...expected } of table) {
    test(`type ${type} of "${name}" where virtual addresses are ${where}`, (t) => {
      const answer = ask(names, query(name, { type }));
      if (expected.forward) {
        t.is(answer, "forward");
        return;
      }
      if (typeof answer === "string") return t.fail(answer);
      t.is(answer.header.rcode, expected.rcode ?? 0);
      if (expected.pointer === undefined) {
        const found = answer.answers.map(({ data }) => (data.kind === "address" ? bytesToIp(data.bytes) : data.kind));
        t.deepEqual(found.sort(), [...(expected.addresses ?? [])]);
        for (const record of answer.answers) t.is(record.ttlSeconds, expected.ttlSeconds!);
      } else t.deepEqual(answer.answers[0]?.data, { kind: "name", name: expected.pointer });
    });
  }
}

test("of IPv6 a network that has it answers, whatever the order; without, the name is there and has none", (t) => {
  const view = rows(
    [
      serviceRow({ serviceId: "s1", networkId: "n2", virtualAddress: "10.0.2.9" }),
      serviceRow({ serviceId: "s1", virtualAddress6: "fd00:1::2" }),
      serviceRow({ serviceId: "s5", networkId: "n2", name: "db", virtualAddress: "10.0.2.2" }),
    ],
    [],
  );
  const zones = new ZoneTable({ balancesIpv6: true });
  zones.reconcile(view);
  const attachments = [
    { networkId: "n2", addressPrefix: "10.0.2.14/24" },
    { networkId: "n1", addressPrefix: "10.0.1.14/24", addressPrefix6: "fd00:1::14/64" },
  ];
  const own = { id: "t4", name: "web.4.t4", hostname: "my-host", attachments };
  const names = new SandboxNames(own, [BACK, BOTH], (id) => zones.zone(id));
  const addresses = (name: string, type: number) => {
    const answer = ask(names, query(name, { type }));
    if (typeof answer === "string") return answer;
    return answer.answers.map(({ data }) => (data.kind === "address" ? bytesToIp(data.bytes) : data.kind));
  };
  const both = (name: string) => [addresses(name, TYPE.A), addresses(name, TYPE.AAAA)];
  t.deepEqual(both("web"), [["10.0.2.9"], ["fd00:1::2"]]);
  t.deepEqual(both("web.shop"), [["10.0.1.2"], ["fd00:1::2"]]);
  t.deepEqual(both("web.back.office"), [["10.0.2.9"], []]);
  t.deepEqual(both("db"), [["10.0.2.2"], []]);
  t.deepEqual(both("my-host"), [["10.0.2.14"], ["fd00:1::14"]]);
  t.deepEqual(both("nosuch"), ["forward", "forward"]);
});

test("a long answer of IPv6 keeps what fits into the client's UDP", (t) => {
  const zones = new ZoneTable({ balancesIpv6: true });
  zones.reconcile(
    rows(
      [serviceRow()],
      Array.from({ length: 90 }, (_, index) => dual(index + 1)),
    ),
  );
  const names = new SandboxNames({ id: "", name: "", hostname: "", attachments: [] }, [BOTH], (id) => zones.zone(id));
  const over = (transport: "udp" | "tcp") => {
    const answer = ask(names, query("tasks.web", { type: TYPE.AAAA }), transport);
    return typeof answer === "string" ? answer : [answer.header.truncated, answer.answers.length];
  };
  // 12 of header, 15 of question, 28 each.
  t.deepEqual(over("udp"), [true, 17]);
  t.deepEqual(over("tcp"), [false, 90]);
});
