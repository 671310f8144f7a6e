/** What the allocator writes on a network's object: its subnets, its VXLAN id, and which addresses are spare. */
import type { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { AllocationError } from "./allocation-error.js";

export const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";
/** "10.0.1.0/24=192-254;fd00:1::/64=…": per subnet the offsets of its range that are spare. See `offset-pool.ts`. */
const SPARE_OPTION = "tswarm.spare";

export function isNetworkAllocated(network: Network): boolean {
  return readVni(network.driverState?.options) !== undefined && (network.ipam?.configs.length ?? 0) > 0;
}

/** @throws AllocationError when the option is no VXLAN id */
export function readVni(options: Readonly<Record<string, string>> | undefined): number | undefined {
  const text = options?.[VNI_OPTION];
  if (text === undefined || text === "") return undefined;
  const vni = Number(text.split(",")[0]);
  if (!Number.isInteger(vni) || vni < 1 || vni >= 2 ** 24) throw new AllocationError(`"${text}" is no VXLAN id`);
  return vni;
}

/** As it was written; "" when it was not. */
export function spareOf(network: Network): string {
  return network.ipam?.driver?.options[SPARE_OPTION] ?? "";
}

/** @returns the spare addresses of each subnet */
export function spareBySubnet(network: Network): ReadonlyMap<string, string> {
  const parts = spareOf(network).split(";");
  return new Map(
    parts.flatMap((part): [string, string][] => {
      const [subnet, spare] = part.split("=");
      return subnet && spare ? [[subnet, spare]] : [];
    }),
  );
}

export function withSpare(network: Network, spare: string): Network {
  const { [SPARE_OPTION]: _, ...options } = network.ipam?.driver?.options ?? {};
  const driver = {
    name: network.ipam?.driver?.name ?? "default",
    options: spare === "" ? options : { ...options, [SPARE_OPTION]: spare },
  };
  return { ...network, ipam: { configs: network.ipam?.configs ?? [], driver } };
}

/** Networks as nodes and tasks carry them: without what concerns the allocator alone, and one object for all of them. */
export class AttachedNetworks {
  readonly #known = new Map<string, Network>();

  of(network: Network): Network {
    const known = this.#known.get(network.id);
    const isSame =
      known?.spec === network.spec &&
      known?.driverState === network.driverState &&
      known?.ipam?.configs === network.ipam?.configs;
    if (known && isSame) return known;
    const attached = withSpare(network, "");
    this.#known.set(network.id, attached);
    return attached;
  }

  forget(networkId: string): void {
    this.#known.delete(networkId);
  }
}
