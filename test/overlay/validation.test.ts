import test from "ava";
import { describeProblem, InvalidWantedError, type WantedProblem } from "../../overlay/errors.js";
import { checkWanted, wantedProblems } from "../../overlay/validation.js";
import type { NodeWanted, OverlayNetwork, Sandbox } from "../../overlay/wanted.js";
import { DUAL_SAMPLE, SAMPLE, SAMPLE_NODE } from "./sample-wanted.js";

const NETWORK = SAMPLE.networks[0]!;
const SANDBOX = SAMPLE.sandboxes[0]!;

function withNetwork(change: Partial<OverlayNetwork>): NodeWanted {
  return { ...SAMPLE, networks: [{ ...NETWORK, ...change }] };
}

function withSandbox(change: Partial<Sandbox>): NodeWanted {
  return { ...SAMPLE, sandboxes: [{ ...SANDBOX, ...change }] };
}

function withNetwork6(change: Partial<OverlayNetwork>): NodeWanted {
  return { ...DUAL_SAMPLE, networks: [{ ...DUAL_SAMPLE.networks[0]!, ...change }] };
}

const second: OverlayNetwork = { ...NETWORK, id: "net2", gatewayPrefix: "10.0.2.1/24", remotes: [] };

const cases: readonly [what: string, wanted: NodeWanted, code: WantedProblem["code"], text: RegExp][] = [
  [
    "a bad subnet",
    withNetwork({ gatewayPrefix: "10.0.1.1" }),
    "bad-prefix",
    /network net1: gateway: "10.0.1.1" is not/,
  ],
  ["a VNI of 25 bits", withNetwork({ vni: 2 ** 24 }), "bad-number", /VNI: 16777216 is not between 1 and 16777215/],
  ["no VXLAN port", withNetwork({ vxlanPort: 0 }), "bad-number", /VXLAN port/],
  ["no MTU", withNetwork({ mtu: Number.NaN }), "bad-number", /MTU: NaN/],
  [
    "one VNI twice",
    { ...SAMPLE, networks: [NETWORK, second] },
    "duplicate",
    /network net2: VNI 4097 is already that of network net1/,
  ],
  ["one network twice", { ...SAMPLE, networks: [NETWORK, { ...NETWORK, vni: 9000 }] }, "duplicate", /id net1/],
  [
    "one remote address twice",
    withNetwork({ remotes: [NETWORK.remotes[0]!, { ...NETWORK.remotes[0]!, mac: "02:42:0a:00:01:77" }] }),
    "duplicate",
    /address 10.0.1.5 is already that of network net1: remote endpoint 10.0.1.5/,
  ],
  [
    "a broken tunnel address",
    withNetwork({ remotes: [{ ...NETWORK.remotes[0]!, tunnelAddress: "host" }] }),
    "bad-address",
    /tunnel address: "host"/,
  ],
  [
    "a group MAC address",
    withNetwork({ remotes: [{ ...NETWORK.remotes[0]!, mac: "01:00:5e:00:00:01" }] }),
    "bad-mac",
    /MAC address/,
  ],
  [
    "an unknown network",
    { ...SAMPLE, networks: [] },
    "unknown-network",
    /sandbox task1: eth0: there is no network "net1"/,
  ],
  ["the same sandbox twice", { ...SAMPLE, sandboxes: [SANDBOX, SANDBOX] }, "duplicate", /id task1/],
  [
    "one local address twice",
    { ...SAMPLE, sandboxes: [SANDBOX, { ...SANDBOX, id: "task2", gateway: undefined }] },
    "duplicate",
    /sandbox task2: eth0: address 10.0.1.4 is already that of sandbox task1: eth0/,
  ],
  [
    "the bridge's own address",
    withSandbox({ interfaces: [{ ...SANDBOX.interfaces[0]!, addressPrefix: "10.0.1.1/24" }], gateway: undefined }),
    "duplicate",
    /address 10.0.1.1/,
  ],
  [
    "an interface called lo",
    withSandbox({ interfaces: [{ ...SANDBOX.interfaces[0]!, name: "lo" }], returnRoutes: [] }),
    "bad-name",
    /"lo" is not a usable name/,
  ],
  [
    "two interfaces of one name",
    withSandbox({ gateway: { ...SANDBOX.gateway!, name: "eth0" } }),
    "duplicate",
    /name eth0/,
  ],
  [
    "a gateway out of reach",
    withSandbox({ gateway: { ...SANDBOX.gateway!, addressPrefix: "172.19.0.3/16" } }),
    "unreachable",
    /the gateway bridge: 172.18.0.1 is outside 172.19.0.0\/16/,
  ],
  [
    "a source that is not its own",
    withSandbox({ gateway: { ...SANDBOX.gateway!, sourceAddress: "10.0.9.9" } }),
    "unreachable",
    /preferred source: 10.0.9.9/,
  ],
  [
    "a return route by nowhere",
    withSandbox({ returnRoutes: [{ ...SANDBOX.returnRoutes[0]!, interfaceName: "eth7" }] }),
    "bad-name",
    /"eth7"/,
  ],
  [
    "a return route in the main table",
    withSandbox({ returnRoutes: [{ ...SANDBOX.returnRoutes[0]!, table: 254 }] }),
    "duplicate",
    /table 254 is already that of the kernel/,
  ],
  [
    "an IPv6 subnet without a length",
    withNetwork6({ gatewayPrefix6: "fd00:1::1" }),
    "bad-prefix",
    /network net1: IPv6 gateway: "fd00:1::1" is not an IPv6 address .* with a prefix length/,
  ],
  ["IPv4 in place of IPv6", withNetwork6({ gatewayPrefix6: "10.0.1.1/24" }), "bad-prefix", /IPv6 gateway: "10.0.1.1/],
  ["a link-local subnet", withNetwork6({ gatewayPrefix6: "fe80::1/64" }), "bad-prefix", /IPv6 gateway: "fe80::1/],
  ["links too small for IPv6", withNetwork6({ mtu: 1200 }), "bad-number", /MTU: 1200 is not between 1280 and 65535/],
  [
    "a remote IPv6 address written at length",
    withNetwork6({ remotes: [{ ...NETWORK.remotes[0]!, address6: "fd00:1:0:0::5" }] }),
    "bad-address",
    /IPv6 address: "fd00:1:0:0::5" is not an IPv6 address/,
  ],
  [
    "one remote IPv6 address twice",
    withNetwork6({ remotes: NETWORK.remotes.map((remote) => ({ ...remote, address6: "fd00:1::5" })) }),
    "duplicate",
    /remote endpoint 10.0.1.6: address fd00:1::5 is already that of network net1: remote endpoint 10.0.1.5/,
  ],
  [
    "a remote IPv6 address on a network of IPv4",
    withNetwork({ remotes: [{ ...NETWORK.remotes[0]!, address6: "fd00:1::5" }] }),
    "no-ipv6",
    /remote endpoint 10.0.1.5: fd00:1::5, but network net1 has no IPv6 subnet/,
  ],
  [
    "an IPv6 address on a network of IPv4",
    withSandbox({ interfaces: [{ ...SANDBOX.interfaces[0]!, addressPrefix6: "fd00:1::4/64" }] }),
    "no-ipv6",
    /sandbox task1: eth0: fd00:1::4\/64, but network net1 has no IPv6 subnet/,
  ],
  [
    "the bridge's own IPv6 address",
    {
      ...DUAL_SAMPLE,
      sandboxes: [{ ...SANDBOX, interfaces: [{ ...SANDBOX.interfaces[0]!, addressPrefix6: "fd00:1::1/64" }] }],
    },
    "duplicate",
    /address fd00:1::1/,
  ],
  ["a setting outside net/", withSandbox({ sysctls: { "kernel/panic": "1" } }), "bad-sysctl", /kernel\/panic/],
  ["a setting by a way around", withSandbox({ sysctls: { "net/../kernel/panic": "1" } }), "bad-sysctl", /\.\./],
  [
    "a long bridge name",
    { ...SAMPLE, gatewayBridge: { ...SAMPLE.gatewayBridge, name: "a-name-of-16-cha" } },
    "bad-name",
    /gateway bridge: name/,
  ],
];

test("the samples are valid", (t) => {
  t.deepEqual(wantedProblems(SAMPLE, SAMPLE_NODE), []);
  t.deepEqual(wantedProblems(DUAL_SAMPLE, SAMPLE_NODE), []);
});

for (const [what, wanted, code, text] of cases) {
  test(`refused: ${what}`, (t) => {
    const problems = wantedProblems(wanted, SAMPLE_NODE);
    const found = problems.filter((problem) => problem.code === code && text.test(describeProblem(problem)));
    t.true(found.length > 0, problems.map(describeProblem).join("\n"));
    const error = t.throws(() => checkWanted(wanted, SAMPLE_NODE), { instanceOf: InvalidWantedError });
    t.deepEqual(error?.problems, problems);
  });
}
