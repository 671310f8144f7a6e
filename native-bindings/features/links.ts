/** Probes of the kinds of links. */
import type { LinkSpec } from "../route/link.js";
import { addLink } from "../route/link-operations.js";
import { RouteSocket } from "../route/socket.js";
import { type FeatureProbe, scratchProbe } from "./probe.js";

function linkProbe(minimumKernel: string, describe: string, spec: LinkSpec): FeatureProbe {
  return scratchProbe(spec.kind, minimumKernel, describe, () => {
    using socket = RouteSocket.open();
    const operation = addLink(spec);
    socket.execute(operation);
    return operation.describe();
  });
}

export const vxlanFeature = linkProbe("3.7", "VXLAN devices: carry overlay networks between hosts", {
  kind: "vxlan",
  name: "probe0",
  up: true,
  vxlan: { vni: 1, port: 4789, learning: false, proxy: true, l2Miss: true, l3Miss: true },
});

export const bridgeFeature = linkProbe("2.6", "bridges: join the sandboxes of a network on one host", {
  kind: "bridge",
  name: "probe0",
  up: true,
});

export const vethFeature = linkProbe("2.6.24", "veth pairs: lead from a sandbox to its network", {
  kind: "veth",
  name: "probe0",
  peer: { name: "probe1" },
});

export const dummyFeature = linkProbe("2.6", "dummy devices", { kind: "dummy", name: "probe0" });
