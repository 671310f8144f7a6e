/** What the product finds out about a kernel, and what the system's own tools say of it. */
import { FEATURES } from "../../native-bindings/features/index.js";
import { kernelTest } from "./kernel-test.js";
import { type ProbeName, probe } from "./probes.js";

/** Name of the product's feature → probe by the system's tools. */
const SAME: Readonly<Record<string, ProbeName>> = {
  vxlan: "vxlan",
  bridge: "bridge",
  dummy: "dummy",
  nf_tables: "nftables",
  "nf_tables-ipv6": "nftables-ipv6",
  conntrack: "conntrack",
  ipvs: "ipvs",
  "ipvs-ipv6": "ipvs-ipv6",
  esp: "esp",
};

for (const [feature, name] of Object.entries(SAME)) {
  kernelTest(
    `the feature probe of ${feature} agrees with the system's tools`,
    { needs: ["network-namespaces"] },
    (t) => {
      const found = FEATURES.find((one) => one.name === feature);
      if (!found) return t.fail(`there is no feature ${feature} among ${FEATURES.map((one) => one.name).join(", ")}`);
      const result = found.probe();
      t.is(
        result.available,
        probe(name) === undefined,
        `product: ${JSON.stringify(result)}; tools: ${probe(name) ?? "can"}`,
      );
    },
  );
}
