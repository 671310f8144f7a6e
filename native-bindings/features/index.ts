/** What the kernel can do, as values. */
import { ipv6Feature } from "./addresses.js";
import { espFeature } from "./encryption.js";
import { bridgeFeature, dummyFeature, vethFeature, vxlanFeature } from "./links.js";
import { conntrackFeature, ipvsFeature, ipvsIpv6Feature, nfTablesFeature, nfTablesIpv6Feature } from "./netfilter.js";
import { type FeatureProbe, scratchProbe } from "./probe.js";

/** Without it nothing here can be probed, or work. */
export const networkNamespaceFeature = scratchProbe(
  "netns",
  "3.0",
  "network namespaces, and the right to make them (root, CAP_SYS_ADMIN)",
  () => "make a network namespace",
);

/** In the order in which people want to read them. */
export const FEATURES: readonly FeatureProbe[] = [
  networkNamespaceFeature,
  bridgeFeature,
  vethFeature,
  vxlanFeature,
  nfTablesFeature,
  conntrackFeature,
  ipvsFeature,
  ipv6Feature,
  nfTablesIpv6Feature,
  ipvsIpv6Feature,
  espFeature,
  dummyFeature,
];

export type { FeatureProbe, ProbeResult } from "./probe.js";
export {
  bridgeFeature,
  conntrackFeature,
  dummyFeature,
  espFeature,
  ipv6Feature,
  ipvsFeature,
  ipvsIpv6Feature,
  nfTablesFeature,
  nfTablesIpv6Feature,
  vethFeature,
  vxlanFeature,
};
