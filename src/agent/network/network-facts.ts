/** What the data plane needs to know of a network, read from the cluster's network object. */
import type { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { IPAMConfig_AddressFamily } from "../../api/generated/docker/swarmkit/v1/types.js";
import { TaskError } from "../executor/executor.js";

export interface NetworkFacts {
  readonly id: string;
  readonly name: string;
  /** 4096…16777215 */
  readonly vni: number;
  /** "10.0.1.0/24" */
  readonly subnet: string;
  /** "10.0.1.1/24" */
  readonly gatewayPrefix: string;
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
  const config = network.ipam?.configs.find((candidate) => candidate.family !== IPAMConfig_AddressFamily.IPV6);
  const vni = Number(network.driverState?.options[VNI_OPTION]?.split(",")[0] ?? Number.NaN);
  if (!config?.subnet || !config.gateway || !Number.isInteger(vni)) {
    throw new TaskError(`network ${name} has no subnet or no VXLAN id yet`, false);
  }
  const prefixLength = config.subnet.slice(config.subnet.indexOf("/"));
  const mtu = network.driverState?.options[MTU_OPTION] ?? network.spec?.driverConfig?.options[MTU_OPTION];
  return {
    id: network.id,
    name,
    vni,
    subnet: config.subnet,
    gatewayPrefix: config.gateway.includes("/") ? config.gateway : `${config.gateway}${prefixLength}`,
    ...(mtu === undefined ? {} : { mtuOption: Number(mtu) }),
    internal: network.spec?.internal ?? false,
    ingress: network.spec?.ingress ?? false,
  };
}
