/** Subnets, VXLAN ids and addresses of all networks. */
import type { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  IPAMConfig_AddressFamily as AddressFamily,
  type IPAMConfig,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { AddressPool } from "./address-pool.js";
import { AllocationError } from "./allocation-error.js";
import { contains, formatAddress, formatRange, type Ipv4Range, parseAddress, parseRange } from "./ipv4-range.js";
import { SubnetPool, type SubnetSource } from "./subnet-pool.js";
import { VxlanIds } from "./vxlan-ids.js";

export const VNI_OPTION = "com.docker.network.driver.overlay.vxlanid_list";

export interface HeldAddress {
  readonly networkId: string;
  /** "10.0.1.4/24" */
  readonly address: string;
}

interface NetworkPool {
  readonly name: string;
  readonly vni: number;
  readonly pools: readonly AddressPool[];
}

export class NetworkPools {
  readonly #subnets: SubnetPool;
  readonly #vnis = new VxlanIds();
  readonly #networks = new Map<string, NetworkPool>();

  constructor(sources: readonly SubnetSource[]) {
    this.#subnets = new SubnetPool(sources);
  }

  has(networkId: string): boolean {
    return this.#networks.has(networkId);
  }

  /** @returns the name of the network that a subnet would overlap */
  holderOf(subnet: Ipv4Range): string | undefined {
    return this.#subnets.holderOf(subnet);
  }

  /** Takes note of a network that has its subnets and VXLAN id. @throws AllocationError when another has them */
  restore(network: Network): void {
    const vni = readVni(network.driverState?.options);
    if (vni === undefined) throw new AllocationError(`network ${nameOf(network)} has no VXLAN id`);
    this.#vnis.claim(vni);
    this.#open(network, network.ipam?.configs ?? [], vni);
  }

  /**
   * Gives a network what its specification leaves open: subnet, gateway, VXLAN id.
   * @returns the network with `ipam` and `driverState`
   * @throws AllocationError; nothing is taken then
   */
  allocate(network: Network): Network {
    const options = network.spec?.driverConfig?.options ?? {};
    const chosen = readVni(options);
    const vni = chosen ?? this.#vnis.take();
    if (chosen !== undefined) this.#vnis.claim(chosen);
    try {
      const asked = (network.spec?.ipam?.configs ?? []).filter(({ family }) => family !== AddressFamily.IPV6);
      const configs = (asked.length > 0 ? asked : [NO_CHOICE]).map((config) => this.#complete(network, config));
      this.#open(network, configs, vni);
      return {
        ...network,
        ipam: { driver: network.spec?.ipam?.driver ?? { name: "default", options: {} }, configs },
        driverState: { name: "overlay", options: { ...options, [VNI_OPTION]: String(vni) } },
      };
    } catch (error) {
      this.#subnets.release(nameOf(network));
      this.#vnis.release(vni);
      throw error;
    }
  }

  release(networkId: string): void {
    const network = this.#networks.get(networkId);
    if (!network) return;
    this.#networks.delete(networkId);
    this.#subnets.release(network.name);
    this.#vnis.release(network.vni);
  }

  /** @returns an address such as "10.0.1.4/24" @throws AllocationError when none is free now */
  takeAddress(networkId: string, nowMs: number): string {
    const network = this.#network(networkId);
    for (const pool of network.pools) {
      const address = pool.take(nowMs);
      if (address !== undefined) return formatAddress(address, pool.subnet.length);
    }
    const subnets = network.pools.map(({ subnet }) => formatRange(subnet)).join(", ");
    throw new AllocationError(`no address is left in network ${network.name} (${subnets})`);
  }

  /** Takes note of an address that is in use. @throws AllocationError when it is in use already */
  claimAddress({ networkId, address }: HeldAddress): void {
    const pool = this.#poolOf(networkId, address);
    if (!pool) throw new AllocationError(`${address} is no address of network ${this.#network(networkId).name}`);
    pool.claim(parseAddress(address)!);
  }

  releaseAddress({ networkId, address }: HeldAddress, nowMs: number): void {
    this.#poolOf(networkId, address)?.release(parseAddress(address)!, nowMs);
  }

  /** Gives back an address that nobody has used. */
  giveBackAddress({ networkId, address }: HeldAddress): void {
    this.#poolOf(networkId, address)?.giveBack(parseAddress(address)!);
  }

  /** When the next address that rests can be given out again. */
  nextWakeMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const { pools } of this.#networks.values()) {
      for (const pool of pools) {
        const wake = pool.nextWakeMs(nowMs);
        if (wake !== undefined && (next === undefined || wake < next)) next = wake;
      }
    }
    return next;
  }

  /** Undefined also when the network is gone: its addresses went with it. */
  #poolOf(networkId: string, address: string): AddressPool | undefined {
    const number = parseAddress(address);
    const pools = this.#networks.get(networkId)?.pools ?? [];
    return pools.find(({ subnet }) => number !== undefined && contains(subnet, number));
  }

  #network(networkId: string): NetworkPool {
    const network = this.#networks.get(networkId);
    if (!network) throw new AllocationError(`network ${networkId} has no subnet yet`);
    return network;
  }

  #complete(network: Network, config: IPAMConfig): IPAMConfig {
    const name = nameOf(network);
    const asked = config.subnet === "" ? undefined : readRange(config.subnet, name);
    if (asked) this.#subnets.claim(name, asked);
    const subnet = asked ?? this.#subnets.take(name);
    const gateway = config.gateway || formatAddress(subnet.first + 1, subnet.length).split("/")[0]!;
    return { ...config, family: AddressFamily.IPV4, subnet: formatRange(subnet), gateway };
  }

  /** @param configs complete ones; their subnets are claimed here unless they are the network's already */
  #open(network: Network, configs: readonly IPAMConfig[], vni: number): void {
    const name = nameOf(network);
    const pools = configs.map((config) => {
      const subnet = readRange(config.subnet, name);
      if (this.#subnets.holderOf(subnet) !== name) this.#subnets.claim(name, subnet);
      const part = config.range === "" ? subnet : readRange(config.range, name);
      const excluded = [config.gateway, ...Object.values(config.reserved)].flatMap((text) => parseAddress(text) ?? []);
      return new AddressPool(subnet, part, excluded);
    });
    this.#networks.set(network.id, { name, vni, pools });
  }
}

const NO_CHOICE: IPAMConfig = { family: AddressFamily.IPV4, subnet: "", range: "", gateway: "", reserved: {} };

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

function readRange(text: string, network: string): Ipv4Range {
  const range = parseRange(text);
  if (!range) throw new AllocationError(`"${text}" of network ${network} is no IPv4 subnet`);
  return range;
}

function nameOf(network: Network): string {
  return network.spec?.annotations?.name ?? network.id;
}
