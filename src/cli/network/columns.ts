import type { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";

const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";

/** VXLAN network identifiers, as the allocator chose them. */
export function networkVnis(network: Network): number[] {
  const list = network.driverState?.options[VNI_OPTION] ?? network.spec?.driverConfig?.options[VNI_OPTION] ?? "";
  return list
    .split(",")
    .filter((text) => /^\d+$/.test(text))
    .map(Number);
}

/** Subnets as allocated; before that, as asked for. */
export function networkSubnets(network: Network): string[] {
  const configs = network.ipam?.configs.length ? network.ipam.configs : (network.spec?.ipam?.configs ?? []);
  return configs.map(({ subnet }) => subnet).filter((subnet) => subnet !== "");
}

export function networkDriver(network: Network): string {
  return network.driverState?.name || network.spec?.driverConfig?.name || "overlay";
}

/** What is special about a network: ingress, internal, attachable, encrypted, ipv6. */
export function networkTraits(network: Network): string[] {
  const spec = network.spec;
  const traits: string[] = [];
  if (spec?.ingress) traits.push("ingress");
  if (spec?.internal) traits.push("internal");
  if (spec?.attachable) traits.push("attachable");
  if (spec?.driverConfig && Object.hasOwn(spec.driverConfig.options, "encrypted")) traits.push("encrypted");
  if (spec?.ipv6Enabled) traits.push("ipv6");
  return traits;
}
