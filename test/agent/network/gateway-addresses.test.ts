import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import {
  BRIDGE_SUBNETS,
  freeSubnet,
  GatewayAddresses,
  GatewayAddressesExhausted,
  overlaps,
} from "../../../src/agent/network/gateway-addresses.js";

function withFile<T>(work: (file: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "tswarm-gateway-"));
  try {
    return work(join(directory, "network", "gateway.json"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a sandbox keeps its address over a restart, and the subnet is chosen once", (t) => {
  withFile((file) => {
    const first = new GatewayAddresses(file, () => "172.18.0.0/16");
    t.is(first.bridgePrefix, "172.18.0.1/16");
    t.is(first.take("a"), "172.18.0.2/16");
    t.is(first.take("b"), "172.18.0.3/16");
    first.save();
    const second = new GatewayAddresses(file, () => "172.19.0.0/16");
    t.is(second.subnet, "172.18.0.0/16");
    t.is(second.take("b"), "172.18.0.3/16");
    second.keepOnly(new Set(["b"]));
    t.is(second.take("c"), "172.18.0.2/16");
    second.save();
    const third = new GatewayAddresses(file, () => "172.19.0.0/16");
    t.deepEqual(Object.fromEntries(third.bySandbox), { b: "172.18.0.3/16", c: "172.18.0.2/16" });
  });
});

test("when the subnet is full, the sandbox that gets none is named", (t) => {
  withFile((file) => {
    const addresses = new GatewayAddresses(file, () => "192.0.2.0/29");
    for (const id of ["a", "b", "c", "d", "e"]) addresses.take(id);
    const error = t.throws(() => addresses.take("f"), { instanceOf: GatewayAddressesExhausted });
    t.regex(error.message, /192\.0\.2\.0\/29.*sandbox f/);
  });
});

test("a damaged file is named and left alone", (t) => {
  withFile((file) => {
    new GatewayAddresses(file, () => "172.18.0.0/16");
    writeFileSync(file, "{");
    t.throws(() => new GatewayAddresses(file, () => "172.18.0.0/16"), { message: /gateway\.json is damaged/ });
  });
});

test("subnets that touch a route of the host are passed over", (t) => {
  t.is(freeSubnet(BRIDGE_SUBNETS, ["10.0.0.0/8", "172.18.4.0/24"]), "172.19.0.0/16");
  t.throws(() => freeSubnet(BRIDGE_SUBNETS, ["172.16.0.0/12"]), { message: /172\.18\.0\.0\/16 … 172\.31\.0\.0\/16/ });
  t.true(overlaps("10.0.0.0/8", "10.1.2.3/32"));
  t.false(overlaps("10.0.0.0/25", "10.0.0.128/25"));
});
