import test from "ava";
import { UsageError } from "../../src/cli/failure.js";
import { draftNetwork } from "../../src/cli/network/create.js";

for (const [what, flags, message] of [
  ["an IPv6 subnet without --ipv6", { subnet: ["fd00:1::/64"] }, "--subnet: fd00:1::/64 is an IPv6 subnet: add --ipv6"],
  [
    "a gateway of the other family",
    { ipv6: true, subnet: ["fd00:1::/64"], gateway: ["10.0.0.1"] },
    '--gateway: "10.0.0.1" is not an IPv6 address',
  ],
  [
    "a range of the other family",
    { ipv6: true, subnet: ["fd00:1::/64"], ipRange: ["10.0.0.0/25"] },
    "--ip-range: 10.0.0.0/25 is outside of the subnet fd00:1::/64",
  ],
  [
    "overlapping subnets",
    { ipv6: true, subnet: ["fd00:1::/64", "fd00:1::/80"] },
    "--subnet: fd00:1::/80 overlaps fd00:1::/64",
  ],
] as const) {
  test(`refused: ${what}`, (t) => {
    t.throws(() => draftNetwork(flags, ["both"]), { instanceOf: UsageError, message });
  });
}
