import test from "ava";
import fc from "fast-check";
import {
  builtInChain,
  compileIptables,
  iptablesChain,
  multiportChunks,
} from "../../../netns/packet-filter/iptables-compile.js";
import type { PacketRule } from "../../../netns/packet-filter/rules.js";
import { STAGE_PLACES } from "../../../netns/packet-filter/stage.js";

const CASES: readonly [rule: Omit<PacketRule, "key">, lines: string[]][] = [
  [
    {
      hook: "prerouting",
      match: { protocol: "tcp", destinationLocal: true, destinationPorts: [8080] },
      action: { kind: "dnat", address: "172.18.0.2", port: 80 },
    },
    [
      "nat TSWARM-NAT-PREROUTING -p tcp -m tcp --dport 8080 -m addrtype --dst-type LOCAL -m comment --comment k -j DNAT --to-destination 172.18.0.2:80",
    ],
  ],
  [
    {
      hook: "output",
      match: { destination: "127.0.0.11", protocol: "udp", destinationPorts: [53] },
      action: { kind: "redirect", port: 40053 },
    },
    [
      "nat TSWARM-NAT-OUTPUT -d 127.0.0.11/32 -p udp -m udp --dport 53 -m comment --comment k -j REDIRECT --to-ports 40053",
    ],
  ],
  [
    {
      hook: "postrouting",
      match: { source: "10.0.0.77/20", notOutInterface: "br0" },
      action: { kind: "masquerade" },
    },
    ["nat TSWARM-NAT-POSTROUTING -s 10.0.0.0/20 ! -o br0 -m comment --comment k -j MASQUERADE"],
  ],
  [
    { hook: "prerouting", match: { connectionState: ["established", "new"] }, action: { kind: "mark", value: 256 } },
    [
      "mangle TSWARM-MARK-PREROUTING -m conntrack --ctstate NEW,ESTABLISHED -m comment --comment k -j MARK --set-xmark 0x100/0xffffffff",
    ],
  ],
  [
    { hook: "output", match: { mark: { value: 1, mask: 3 } }, action: { kind: "restore-mark", mask: 0xff } },
    [
      "mangle TSWARM-MARK-OUTPUT -m mark --mark 0x1/0x3 -m comment --comment k -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff",
    ],
  ],
  [
    { hook: "forward", match: { inInterface: "a", notInInterface: "b" }, action: { kind: "reject" } },
    [
      "filter TSWARM-FILTER-FORWARD -i a -p tcp -m comment --comment k -j REJECT --reject-with tcp-reset",
      "filter TSWARM-FILTER-FORWARD -i a -m comment --comment k -j REJECT --reject-with icmp-port-unreachable",
    ],
  ],
  [
    { family: "ip6", hook: "input", match: { protocol: "udp", sourcePort: 9 }, action: { kind: "reject" } },
    [
      "filter TSWARM-FILTER-INPUT -p udp -m udp --sport 9 -m comment --comment k -j REJECT --reject-with icmp6-port-unreachable",
    ],
  ],
  [
    { hook: "prerouting", match: { sourceMac: "02:42:0A:00:00:05" }, action: { kind: "drop" } },
    ["mangle TSWARM-FILTER-PREROUTING -m mac --mac-source 02:42:0a:00:00:05 -m comment --comment k -j DROP"],
  ],
  [
    { hook: "input", match: { protocol: "sctp", destinationPorts: [7], sourcePort: 8 }, action: { kind: "accept" } },
    [
      "filter TSWARM-FILTER-INPUT -p sctp -m multiport --sports 8 -m multiport --dports 7 -m comment --comment k -j RETURN",
    ],
  ],
  [
    { hook: "forward", match: { source: "10.0.0.0/30", notSource: "10.0.0.1" }, action: { kind: "drop" } },
    [
      "filter TSWARM-FILTER-FORWARD -s 10.0.0.2/31 -m comment --comment k -j DROP",
      "filter TSWARM-FILTER-FORWARD -s 10.0.0.0/32 -m comment --comment k -j DROP",
    ],
  ],
  [
    { hook: "forward", match: { source: "10.0.0.0/30", notSource: "192.0.2.1" }, action: { kind: "drop" } },
    ["filter TSWARM-FILTER-FORWARD -s 10.0.0.0/30 -m comment --comment k -j DROP"],
  ],
];

for (const [rule, lines] of CASES) {
  test(`${rule.hook} ${JSON.stringify(rule.match)} ${rule.action.kind}`, (t) => {
    const compiled = compileIptables([{ key: "k", ...rule }]);
    t.deepEqual(
      compiled.map(({ place, words }) => `${place.iptablesTable} ${iptablesChain("TSWARM", place)} ${words.join(" ")}`),
      lines,
    );
  });
}

test("chunks of ports hold every port once, and never more than multiport takes", (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 200 }), (ports) => {
      const chunks = multiportChunks(ports).map((chunk) => chunk.split(","));
      const places = chunks.map((items) => items.reduce((sum, item) => sum + (item.includes(":") ? 2 : 1), 0));
      const held = chunks.flat().flatMap((item) => {
        const [first, last = first] = item.split(":").map(Number) as [number, number?];
        return Array.from({ length: last - first + 1 }, (_, index) => first + index);
      });
      const wanted = [...new Set(ports)].sort((a, b) => a - b);
      return places.every((count) => count <= 15) && JSON.stringify(held) === JSON.stringify(wanted);
    }),
    { numRuns: 2000 },
  );
  t.deepEqual(multiportChunks([5, 4, 3, 80, 443, 442]), ["3:5,80,442:443"]);
  t.deepEqual(multiportChunks(Array.from({ length: 20_000 }, (_, index) => index)), ["0:19999"]);
});

test("every chain's name fits, even with the longest prefix, and no two places of a table share one", (t) => {
  const names = STAGE_PLACES.map((place) => `${place.iptablesTable} ${iptablesChain("TSWARM-XX", place)}`);
  t.is(new Set(names).size, names.length);
  t.true(names.every((name) => name.split(" ")[1]!.length <= 28));
  t.is(builtInChain("postrouting"), "POSTROUTING");
});
