import test from "ava";
import { Service } from "../../../src/api/generated/docker/swarmkit/v1/objects.js";
import { EndpointSpec_ResolutionMode as Mode } from "../../../src/api/generated/docker/swarmkit/v1/specs.js";
import { serviceRows } from "../../../src/manager/link/service-rows.js";

const VIRTUAL_IPS = [
  { networkId: "both", addr: "10.0.1.2/24" },
  { networkId: "both", addr: "fd00:1:0::0002/64" },
  { networkId: "four", addr: "10.0.2.2/24" },
  { networkId: "both", addr: "fd00:1::7/64" },
];

const addressesOf = (mode: Mode, virtualIps = VIRTUAL_IPS) => {
  const service = Service.fromPartial({
    id: "web",
    spec: {
      annotations: { name: "web" },
      task: { networks: [{ target: "both" }, { target: "four" }] },
      endpoint: { mode },
    },
    endpoint: { virtualIps },
  });
  return serviceRows(service, undefined).map((row) => [row.networkId, row.virtualAddress, row.virtualAddress6]);
};

test("of a network of both families the row has the first virtual address of each, as RFC 5952 writes it", (t) => {
  t.deepEqual(addressesOf(Mode.VIP), [
    ["both", "10.0.1.2", "fd00:1::2"],
    ["four", "10.0.2.2", ""],
  ]);
});

test("without virtual addresses a row has none of either family", (t) => {
  t.deepEqual(addressesOf(Mode.DNSRR), [
    ["both", "", ""],
    ["four", "", ""],
  ]);
});

test("a network without an address of IPv4 yet has no row yet", (t) => {
  t.deepEqual(
    addressesOf(
      Mode.VIP,
      VIRTUAL_IPS.filter(({ addr }) => addr !== "10.0.1.2/24"),
    ),
    [["four", "10.0.2.2", ""]],
  );
});
