import test from "ava";
import { splitByKernel } from "../../../netns/packet-filter/kernel-families.js";
import type { PacketRules } from "../../../netns/packet-filter/rules.js";

const RULES: PacketRules = [
  { key: "a", hook: "input", match: {}, action: { kind: "drop" } },
  { key: "b", family: "ip6", hook: "input", match: {}, action: { kind: "drop" } },
];

test("a kernel with IPv6 gets every rule", (t) => {
  t.deepEqual(splitByKernel(RULES, true), { effective: RULES, moot: [] });
});

test("a kernel without IPv6 gets none for ip6, and lacks none", (t) => {
  t.deepEqual(splitByKernel(RULES, false), {
    effective: RULES.slice(0, 1),
    moot: [{ key: "b", state: "present", found: "this kernel has no IPv6" }],
  });
});
