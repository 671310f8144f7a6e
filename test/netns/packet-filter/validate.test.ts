import test from "ava";
import { PacketRuleError } from "../../../netns/packet-filter/errors.js";
import type { PacketRule } from "../../../netns/packet-filter/rules.js";
import { validateRules } from "../../../netns/packet-filter/validate.js";

const GOOD: PacketRule = { key: "good", hook: "forward", match: {}, action: { kind: "drop" } };
const dnat = (action: object, match: object = { protocol: "tcp" }) =>
  ({ hook: "prerouting", match, action: { kind: "dnat", address: "10.0.0.1", ...action } }) as Partial<PacketRule>;
const match = (fields: object, hook: PacketRule["hook"] = "forward"): Partial<PacketRule> => ({ hook, match: fields });

const BAD: readonly [rule: Partial<PacketRule>, reason: RegExp][] = [
  [{ key: "" }, /a key is/],
  [{ key: "Capital" }, /a key is/],
  [{ key: "x".repeat(97) }, /a key is/],
  [{ hook: "input", action: { kind: "masquerade" } }, /masquerade does not work in input, only in postrouting/],
  [{ hook: "forward", action: { kind: "mark", value: 1 } }, /mark does not work in forward/],
  [
    { hook: "postrouting", action: { kind: "connection-mark", value: 1 } },
    /connection-mark does not work in postrouting/,
  ],
  [{ hook: "prerouting", action: { kind: "reject" } }, /reject does not work in prerouting/],
  [{ hook: "postrouting", action: { kind: "dnat", address: "10.0.0.1" } }, /dnat does not work in postrouting/],
  [{ hook: "output", action: { kind: "snat", address: "10.0.0.1" } }, /snat does not work in output/],
  [{ action: { kind: "log" } as unknown as PacketRule["action"] }, /no action log/],
  [dnat({ address: "::1" }), /not an IPv4 address/],
  [dnat({ address: "10.0.0.1/24" }), /not an IPv4 address/],
  [dnat({ port: 0 }), /dnat to port 0/],
  [dnat({ port: 65536 }), /dnat to port 65536/],
  [dnat({ port: 80 }, {}), /needs a protocol/],
  [{ hook: "output", match: {}, action: { kind: "redirect", port: 53 } }, /redirect needs a protocol/],
  [{ hook: "output", action: { kind: "mark", value: 2 ** 32 } }, /not 32 bits/],
  [{ hook: "output", action: { kind: "mark", value: 0x100, mask: 0xff } }, /0x100 is not within its mask/],
  [{ hook: "output", action: { kind: "restore-mark", mask: 0 } }, /with mask 0/],
  [match({ protocol: "icmp" }), /no protocol icmp/],
  [match({ source: "10.0.0" }), /source 10.0.0: not an IPv4/],
  [match({ destination: "10.0.0.0/33" }), /not an IPv4/],
  [match({ notSource: "0.0.0.0/0" }), /matches nothing/],
  [match({ source: "10.0.0.1", notSource: "10.0.0.0/8" }), /source lies within notSource/],
  [match({ destinationPorts: [80] }), /need a protocol/],
  [match({ protocol: "tcp", destinationPorts: [] }), /empty/],
  [match({ protocol: "tcp", destinationPorts: [1, 70000] }), /destination port 70000/],
  [match({ sourcePort: 80 }), /sourcePort needs a protocol/],
  [match({ inInterface: "eth0" }, "output"), /inInterface is not known in output/],
  [match({ notOutInterface: "eth0" }, "input"), /notOutInterface is not known in input/],
  [match({ inInterface: "eth+" }), /not an interface's name/],
  [match({ inInterface: "a name" }), /not an interface's name/],
  [match({ outInterface: "sixteen-letters-" }), /not an interface's name/],
  [match({ inInterface: "eth0", notInInterface: "eth0" }), /equals/],
  [match({ sourceMac: "02:42" }), /sourceMac 02:42/],
  [match({ sourceMac: "02:42:00:00:00:01" }, "output"), /sourceMac does not work in output/],
  [match({ mark: { value: 1, mask: 2 } }), /not within its mask/],
  [match({ connectionMark: { value: -1 } }), /not 32 bits/],
  [match({ connectionState: [] }), /matches nothing/],
  [match({ connectionState: ["untracked"] }), /no connectionState untracked/],
  [{ family: "ip6", hook: "output", action: { kind: "mark", value: 1 } }, /mark is not for ip6/],
  [{ family: "ip6", match: { source: "10.0.0.1" } }, /source is not for ip6/],
  [{ family: "inet" } as unknown as Partial<PacketRule>, /no family inet/],
];

for (const [change, reason] of BAD) {
  test(`refused: ${JSON.stringify(change)}`, (t) => {
    const rule = { ...GOOD, key: "bad", ...change } as PacketRule;
    const error = t.throws(() => validateRules([GOOD, rule]), { instanceOf: PacketRuleError });
    t.is(error?.key, rule.key);
    t.regex(error?.reason ?? "", reason);
    t.true(error?.message.includes(rule.key));
  });
}

test("a key stands once", (t) => {
  t.throws(() => validateRules([GOOD, GOOD]), { instanceOf: PacketRuleError, message: /good: the key stands twice/ });
});

test("every action in each of its hooks", (t) => {
  const both = ["prerouting", "output"] as const;
  const rules: Omit<PacketRule, "key">[] = [
    ...both.map((hook) => ({ hook, match: {}, action: { kind: "dnat", address: "10.0.0.1" } }) as const),
    ...both.map((hook) => ({ hook, match: { protocol: "udp" }, action: { kind: "redirect", port: 1 } }) as const),
    ...both.map((hook) => ({ hook, match: {}, action: { kind: "mark", value: 0xffffffff } }) as const),
    ...both.map((hook) => ({ hook, match: {}, action: { kind: "restore-mark", mask: 0xff } }) as const),
    { hook: "input", match: {}, action: { kind: "connection-mark", value: 1, mask: 1 } },
    { hook: "postrouting", match: { source: "0.0.0.0/0" }, action: { kind: "masquerade" } },
    { hook: "postrouting", match: { outInterface: "eth0.7" }, action: { kind: "snat", address: "1.2.3.4" } },
    { hook: "output", match: { outInterface: "lo" }, action: { kind: "reject" } },
    { hook: "postrouting", match: {}, action: { kind: "accept" } },
    {
      family: "ip6",
      hook: "input",
      match: { protocol: "tcp", destinationPorts: [0, 65535] },
      action: { kind: "drop" },
    },
  ];
  t.notThrows(() => validateRules(rules.map((rule, index) => ({ key: `rule/${index}`, ...rule }))));
});
