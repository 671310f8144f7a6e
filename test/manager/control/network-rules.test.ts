/** What networks of both families may ask for: the rules alone, for what the managers let nobody have yet. */
import { status } from "@grpc/grpc-js";
import test from "ava";
import { NetworkSpec } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { StatusError } from "../../../src/api/status-error.js";
import { checkNetworkSpec } from "../../../src/manager/control/validation/network-spec.js";

type Config = Readonly<Record<"subnet" | "range" | "gateway", string>>;

const spec = (ipv6Enabled: boolean, ...configs: readonly Partial<Config>[]) =>
  NetworkSpec.fromPartial({ annotations: { name: "n" }, ipv6Enabled, ipam: { configs } });

function withMtu(ipv6Enabled: boolean, mtu: string): NetworkSpec {
  const driverConfig = { options: { "com.docker.network.driver.mtu": mtu } };
  return NetworkSpec.fromPartial({ annotations: { name: "n" }, ipv6Enabled, driverConfig });
}

const GOOD: readonly NetworkSpec[] = [
  spec(true),
  spec(true, { subnet: "10.1.0.0/24" }),
  spec(true, { subnet: "fd00:1::/64" }),
  spec(true, { subnet: "10.1.0.0/24" }, { subnet: "fd00:1::/64", range: "fd00:1::100/120", gateway: "fd00:1::1" }),
  spec(true, { subnet: "2001:db8::/32" }),
  withMtu(true, "1330"),
  withMtu(false, "1000"),
];

for (const [index, good] of GOOD.entries()) {
  test(`a network that is taken, ${index + 1}`, (t) => {
    t.notThrows(() => checkNetworkSpec(good));
  });
}

const BAD: readonly (readonly [NetworkSpec, string])[] = [
  [spec(false, { subnet: "fd00:1::/64" }), "ipam configuration: an IPv6 subnet needs IPv6 enabled"],
  [
    spec(true, { subnet: "fd00:1::1/64" }),
    "ipam configuration: invalid subnet fd00:1::1/64: host bits are set, fd00:1::/64 has none",
  ],
  [spec(true, { subnet: "fd00:1::/127" }), "ipam configuration: subnet fd00:1::/127 must be from /32 to /126"],
  [spec(true, { subnet: "fd00::/8" }), "ipam configuration: subnet fd00::/8 must be from /32 to /126"],
  [
    spec(true, { subnet: "fe80::/64" }),
    "ipam configuration: subnet fe80::/64 cannot be used: fe80:: lies in fe80::/10",
  ],
  [
    spec(true, { subnet: "::ffff:0:0/96" }),
    "ipam configuration: subnet ::ffff:0:0/96 cannot be used: ::ffff:0.0.0.0 lies in ::/8",
  ],
  [
    spec(true, { subnet: "fd00:1::/64", gateway: "10.0.0.1" }),
    "ipam configuration: subnet fd00:1::/64 does not contain gateway 10.0.0.1",
  ],
  [
    spec(true, { subnet: "fd00:1::/64", range: "fd00:2::/80" }),
    "ipam configuration: subnet fd00:1::/64 does not contain range fd00:2::/80",
  ],
  [
    spec(true, { subnet: "fd00:1::/64" }, { subnet: "fd00:2::/64" }),
    "a network has one IPv6 subnet in this version of tswarm, not 2",
  ],
  [
    NetworkSpec.fromPartial({ annotations: { name: "n" }, ipv6Enabled: true, ingress: true }),
    "an ingress network with IPv6 is not available in this version of tswarm: published ports are answered over IPv4 alone",
  ],
  [
    withMtu(true, "1329"),
    "com.docker.network.driver.mtu: 1329 is too small for IPv6, which needs 1330 below an overlay",
  ],
];

for (const [bad, message] of BAD) {
  test(`refused: ${message}`, (t) => {
    const error = t.throws(() => checkNetworkSpec(bad), { instanceOf: StatusError, message });
    t.true(error?.code === status.INVALID_ARGUMENT || error?.code === status.UNIMPLEMENTED);
  });
}
