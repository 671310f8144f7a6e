import { readdirSync, readlinkSync } from "node:fs";
import test from "ava";
import * as features from "../../../native-bindings/features/index.js";
import { scratchProbe } from "../../../native-bindings/features/probe.js";
import { RouteSocket } from "../../../native-bindings/route/socket.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { type ProbeName, probe as systemProbe } from "../../kernel/probes.js";

/** The same question, asked with the system's own tools. */
const COUNTERPARTS: Readonly<Record<string, ProbeName>> = {
  netns: "network-namespaces",
  bridge: "bridge",
  veth: "bridge",
  vxlan: "vxlan",
  nf_tables: "nftables",
  "nf_tables-ipv6": "nftables-ipv6",
  conntrack: "conntrack",
  ipvs: "ipvs",
  "ipvs-ipv6": "ipvs-ipv6",
  ipv6: "ipv6",
  esp: "esp",
  dummy: "dummy",
};

for (const feature of features.FEATURES) {
  kernelTest(`${feature.name}: the probe says what the system's tools find`, { needs: [] }, (t) => {
    const result = feature.probe();
    const counterpart = COUNTERPARTS[feature.name];
    t.truthy(counterpart);
    const obstacle = systemProbe(counterpart!);
    t.is(result.available, obstacle === undefined, `${result.reason} / ${obstacle ?? "works"}`);
    t.true(result.reason.length > 5);
    t.regex(feature.minimumKernel, /^\d+\.\d+/);
  });
}

test("probes have distinct names", (t) => {
  t.is(new Set(features.FEATURES.map((feature) => feature.name)).size, features.FEATURES.length);
});

test("probes leave nothing behind: no link, no namespace, no open descriptor, the thread at home", (t) => {
  features.bridgeFeature.probe();
  const state = () => {
    using socket = RouteSocket.open();
    return {
      home: readlinkSync("/proc/thread-self/ns/net"),
      links: socket.links().map((link) => link.name),
      // Listing a folder opens it, so its descriptor is among them both times.
      descriptors: readdirSync("/proc/self/fd").length,
    };
  };
  const before = state();
  for (const feature of features.FEATURES) feature.probe();
  t.deepEqual(state(), before);
});

test("what stands in the way is the reason", (t) => {
  const broken = scratchProbe("x", "1.0", "x", () => {
    throw new Error("add flux capacitor: unknown device type");
  });
  t.deepEqual(broken.probe(), { available: false, reason: "add flux capacitor: unknown device type" });
});
