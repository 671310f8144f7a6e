/** What the data plane needs to know of a network, read from the cluster's network object. */

import { isIpv6 } from "../../../overlay/ipv6.js";
import type { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { type IPAMConfig, IPAMConfig_AddressFamily } from "../../api/generated/docker/swarmkit/v1/types.js";
import { TaskError } from "../executor/executor.js";
import { canonicalPrefix, withPrefixLength } from "./address-family.js";

export interface NetworkFacts {
  readonly id: string;
  readonly name: string;
  /** 4096…16777215 */
  readonly vni: number;
  /** "10.0.1.0/24" */
  readonly subnet: string;
  /** "10.0.1.1/24" */
  readonly gatewayPrefix: string;
  /** "fd00:1::/64"; with its gateway, on a network of both families. */
  readonly subnet6?: string;
  /** "fd00:1::1/64" */
  readonly gatewayPrefix6?: string;
  /** The driver option `com.docker.network.driver.mtu`, bytes; undefined: from the underlay. */
  readonly mtuOption?: number;
  readonly internal: boolean;
  readonly ingress: boolean;
}

const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";
const MTU_OPTION = "com.docker.network.driver.mtu";

/** @throws TaskError (retry) for a network that the allocator has not finished */
export function readNetwork(network: Network): NetworkFacts {
  const name = network.spec?.annotations?.name ?? network.id;
  const configs = network.ipam?.configs ?? [];
  const config = configs.find((candidate) => !isOfIpv6(candidate));
  const ingress = network.spec?.ingress ?? false;
  // Published ports are answered over IPv4 alone.
  const wantsSix = !ingress && (network.spec?.ipv6Enabled ?? false);
  const six = wantsSix ? configs.find(isOfIpv6) : undefined;
  const vni = Number(network.driverState?.options[VNI_OPTION]?.split(",")[0] ?? Number.NaN);
  if (!config?.subnet || !config.gateway || !Number.isInteger(vni)) {
    throw new TaskError(`network ${name} has no subnet or no VXLAN id yet`, false);
  }
  if (wantsSix && !(six?.subnet && six.gateway)) {
    throw new TaskError(`network ${name} has no IPv6 subnet yet`, false);
  }
  const mtu = network.driverState?.options[MTU_OPTION] ?? network.spec?.driverConfig?.options[MTU_OPTION];
  return {
    id: network.id,
    name,
    vni,
    subnet: config.subnet,
    gatewayPrefix: withPrefixLength(config.gateway, config.subnet),
    ...(six && {
      subnet6: canonicalPrefix(six.subnet),
      gatewayPrefix6: canonicalPrefix(withPrefixLength(six.gateway, six.subnet)),
    }),
    ...(mtu === undefined ? {} : { mtuOption: Number(mtu) }),
    internal: network.spec?.internal ?? false,
    ingress,
  };
}

function isOfIpv6({ family, subnet }: IPAMConfig): boolean {
  return family === IPAMConfig_AddressFamily.IPV6 || isIpv6(subnet);
}
