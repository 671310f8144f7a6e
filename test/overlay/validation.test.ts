import test from "ava";
import { describeProblem, InvalidWantedError, type WantedProblem } from "../../overlay/errors.js";
import { checkWanted, wantedProblems } from "../../overlay/validation.js";
import type { NodeWanted, OverlayNetwork, Sandbox } from "../../overlay/wanted.js";
import { SAMPLE, SAMPLE_NODE } from "./sample-wanted.js";

const NETWORK = SAMPLE.networks[0]!;
const SANDBOX = SAMPLE.sandboxes[0]!;

function withNetwork(change: Partial<OverlayNetwork>): NodeWanted {
  return { ...SAMPLE, networks: [{ ...NETWORK, ...change }] };
}

function withSandbox(change: Partial<Sandbox>): NodeWanted {
  return { ...SAMPLE, sandboxes: [{ ...SANDBOX, ...change }] };
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
  ["a setting outside net/", withSandbox({ sysctls: { "kernel/panic": "1" } }), "bad-sysctl", /kernel\/panic/],
  ["a setting by a way around", withSandbox({ sysctls: { "net/../kernel/panic": "1" } }), "bad-sysctl", /\.\./],
  [
    "a long bridge name",
    { ...SAMPLE, gatewayBridge: { ...SAMPLE.gatewayBridge, name: "a-name-of-16-cha" } },
    "bad-name",
    /gateway bridge: name/,
  ],
];

test("the sample is valid", (t) => {
  t.deepEqual(wantedProblems(SAMPLE, SAMPLE_NODE), []);
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
