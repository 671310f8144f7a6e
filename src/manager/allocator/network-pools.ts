/** Subnets, VXLAN ids and addresses of all networks. */
import type { Network } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  IPAMConfig_AddressFamily as AddressFamily,
  type IPAMConfig,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { AddressPool } from "./address-pool.js";
import { AllocationError } from "./allocation-error.js";
import { contains, formatIp, formatRange, type IpFamily, type IpRange, parseAddress, parseRange } from "./ip-range.js";
import { readVni, spareBySubnet, VNI_OPTION, withSpare } from "./network-record.js";
import { SubnetPool, type SubnetSource } from "./subnet-pool.js";
import { VxlanIds } from "./vxlan-ids.js";

export interface HeldAddress {
  readonly networkId: string;
  /** "10.0.1.4/24" */
  readonly address: string;
}

export interface TakeOptions {
  /** Addresses that are asked for, "10.0.1.4" or "10.0.1.4/24". */
  readonly chosen?: readonly string[];
  /** Undefined: one of each that the network has. */
  readonly families?: readonly IpFamily[];
}

interface NetworkPool {
  readonly name: string;
  readonly vni: number;
  readonly pools: readonly AddressPool[];
  /** Those that its pools are of. */
  readonly families: readonly IpFamily[];
  /** The pool of a family that has one alone. */
  readonly only: Readonly<Partial<Record<IpFamily, AddressPool>>>;
}

export class NetworkPools {
  readonly #subnets: SubnetPool;
  readonly #vnis = new VxlanIds();
  readonly #networks = new Map<string, NetworkPool>();

  constructor(sources: readonly SubnetSource[]) {
    this.#subnets = new SubnetPool(sources);
  }

  /**
   * Takes note of a network that has its subnets and VXLAN id; its addresses are claimed afterwards.
   * @throws AllocationError when another has them
   */
  restore(network: Network, nowMs: number): void {
    const vni = readVni(network.driverState?.options);
    if (vni === undefined) throw new AllocationError(`network ${nameOf(network)} has no VXLAN id`);
    this.#vnis.restore(vni);
    const spare = spareBySubnet(network);
    for (const pool of this.#open(network, network.ipam?.configs ?? [], vni)) {
      pool.restore(spare.get(formatRange(pool.subnet)) ?? "", nowMs);
    }
  }

  /**
   * Gives a network what its specification leaves open: subnets, gateways, VXLAN id.
   * @returns the network with `ipam` and `driverState`
   * @throws AllocationError; nothing is taken then
   */
  allocate(network: Network): Network {
    const options = network.spec?.driverConfig?.options ?? {};
    const chosen = readVni(options);
    if (chosen !== undefined) this.#vnis.claim(chosen);
    const vni = chosen ?? this.#vnis.take();
    try {
      const configs = wantedConfigs(network).map((config) => this.#complete(network, config));
      for (const pool of this.#open(network, configs, vni)) pool.begin();
      const driver = network.spec?.ipam?.driver ?? { name: "default", options: {} };
      const allocated = {
        ...network,
        ipam: { driver, configs },
        driverState: { name: "overlay", options: { ...options, [VNI_OPTION]: String(vni) } },
      };
      return withSpare(allocated, this.spareOf(network.id));
    } catch (error) {
      this.#subnets.release(network.id);
      this.#vnis.release(vni);
      throw error;
    }
  }

  release(networkId: string): void {
    const network = this.#networks.get(networkId);
    if (!network) return;
    this.#networks.delete(networkId);
    this.#subnets.release(networkId);
    this.#vnis.release(network.vni);
  }

  /** What is to be written of a network's spare addresses together with whatever is given out of it. */
  spareOf(networkId: string): string {
    let text = "";
    for (const pool of this.#networks.get(networkId)?.pools ?? []) {
      if (pool.spare !== "") text += `${text === "" ? "" : ";"}${pool.text}=${pool.spare}`;
    }
    return text;
  }

  /**
   * @returns addresses such as "10.0.1.4/24", IPv4 first
   * @throws AllocationError when one is not free now; nothing is taken then
   */
  takeAddresses(
    networkId: string,
    nowMs: number,
    { chosen = NONE, families }: TakeOptions = ANY,
  ): readonly HeldAddress[] {
    const network = this.#network(networkId);
    const taken: HeldAddress[] = [];
    try {
      for (const family of families ?? network.families) {
        const asked = chosen.length > 0 ? chosen.find((text) => parseAddress(text)?.family === family) : undefined;
        const address =
          asked === undefined
            ? takeNext(networkId, network, family, nowMs)
            : this.#takeChosen(networkId, network, asked, nowMs);
        taken.push({ networkId, address });
      }
      return taken;
    } catch (error) {
      for (const { address } of taken) this.giveBackAddress(networkId, address, nowMs);
      throw error;
    }
  }

  /** How many can be given out now, of the family that has fewest. */
  available(networkId: string, nowMs: number): number {
    const network = this.#networks.get(networkId);
    if (!network) return 0;
    const counts = network.families.map((family) =>
      poolsOf(network, family).reduce((sum, pool) => sum + pool.available(nowMs), 0),
    );
    return Math.min(...counts);
  }

  /** Takes note of an address that is in use. @throws AllocationError when it is in use already */
  claimAddress(networkId: string, address: string): void {
    const pool = this.#poolOf(networkId, address);
    if (!pool) throw new AllocationError(`${address} is no address of network ${this.#network(networkId).name}`);
    pool.claim(address);
  }

  releaseAddress(networkId: string, address: string, nowMs: number): void {
    this.#poolOf(networkId, address)?.release(address, nowMs);
  }

  /** Gives back an address that nobody has used. */
  giveBackAddress(networkId: string, address: string, nowMs: number): void {
    this.#poolOf(networkId, address)?.giveBack(address, nowMs);
  }

  /** When more addresses of a network can be given out. */
  nextWakeMs(networkId: string, nowMs: number): number | undefined {
    const times = (this.#networks.get(networkId)?.pools ?? []).flatMap((pool) => pool.nextWakeMs(nowMs) ?? []);
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  /** Undefined also when the network is gone: its addresses went with it. */
  #poolOf(networkId: string, text: string): AddressPool | undefined {
    const network = this.#networks.get(networkId);
    const family = text.includes(":") ? 6 : 4;
    const pool = network?.only[family];
    if (pool || !network) return pool;
    const address = parseAddress(text);
    return network.pools.find(({ subnet }) => address !== undefined && contains(subnet, address));
  }

  #network(networkId: string): NetworkPool {
    const network = this.#networks.get(networkId);
    if (!network)
      throw new AllocationError(`network ${networkId} has no subnet yet`, { kind: "subnet", id: networkId });
    return network;
  }

  #takeChosen(networkId: string, network: NetworkPool, text: string, nowMs: number): string {
    const pool = this.#poolOf(networkId, text);
    const address = parseAddress(text);
    if (!pool || !address || !contains(pool.subnet, address)) {
      throw new AllocationError(`${text} is no address of network ${network.name}`);
    }
    try {
      return pool.takeChosen(text, nowMs);
    } catch (error) {
      if (!(error instanceof AllocationError)) throw error;
      throw new AllocationError(`${text} of network ${network.name}: ${error.message}`, {
        kind: "address",
        id: networkId,
      });
    }
  }

  #complete(network: Network, config: IPAMConfig): IPAMConfig {
    const asked = config.subnet === "" ? undefined : readRange(config.subnet, nameOf(network));
    if (asked) this.#claimSubnet(network, asked);
    const subnet = asked ?? this.#subnets.take(network.id, config.family === AddressFamily.IPV6 ? 6 : 4);
    const gateway = config.gateway || formatIp(subnet.family, subnet.first + 1n);
    const family = subnet.family === 6 ? AddressFamily.IPV6 : AddressFamily.IPV4;
    return { ...config, family, subnet: formatRange(subnet), gateway };
  }

  /** @param configs complete ones; their subnets are claimed here unless they are the network's already */
  #open(network: Network, configs: readonly IPAMConfig[], vni: number): readonly AddressPool[] {
    const name = nameOf(network);
    const pools = configs.map((config) => {
      const subnet = readRange(config.subnet, name);
      if (this.#subnets.holderOf(subnet) !== network.id) this.#claimSubnet(network, subnet);
      const part = config.range === "" ? subnet : readRange(config.range, name);
      const excluded = [config.gateway, ...Object.values(config.reserved)].flatMap((text) => parseAddress(text) ?? []);
      return new AddressPool(subnet, part, excluded);
    });
    const families = ([4, 6] as const).filter((family) => pools.some(({ subnet }) => subnet.family === family));
    const only: Partial<Record<IpFamily, AddressPool>> = {};
    for (const family of families) {
      const own = pools.filter(({ subnet }) => subnet.family === family);
      if (own.length === 1) only[family] = own[0]!;
    }
    this.#networks.set(network.id, { name, vni, pools, families, only });
    return pools;
  }

  #claimSubnet(network: Network, subnet: IpRange): void {
    this.#subnets.claim(network.id, subnet, (id) => this.#networks.get(id)?.name ?? id);
  }
}

const NONE: readonly string[] = [];
const ANY: TakeOptions = {};
const NO_CHOICE: IPAMConfig = { family: AddressFamily.IPV4, subnet: "", range: "", gateway: "", reserved: {} };

/** The network asks for certain addresses. */
export function choosesSubnet({ spec }: Network): boolean {
  return spec?.ipam?.configs.some(({ subnet }) => subnet !== "") ?? false;
}

/** A subnet of each family that the network is to have, chosen or not. */
function wantedConfigs({ spec }: Network): readonly IPAMConfig[] {
  const asked = spec?.ipam?.configs ?? [];
  const isIpv6 = ({ family, subnet }: IPAMConfig) => family === AddressFamily.IPV6 || subnet.includes(":");
  const four = asked.filter((config) => !isIpv6(config));
  const six = spec?.ipv6Enabled ? asked.filter(isIpv6) : [];
  const noSix = spec?.ipv6Enabled ? [{ ...NO_CHOICE, family: AddressFamily.IPV6 }] : [];
  return [...(four.length > 0 ? four : [NO_CHOICE]), ...(six.length > 0 ? six : noSix)];
}

function takeNext(networkId: string, network: NetworkPool, family: IpFamily, nowMs: number): string {
  const only = network.only[family]?.take(nowMs);
  if (only !== undefined) return only;
  for (const pool of network.pools) {
    const address = pool.subnet.family === family ? pool.take(nowMs) : undefined;
    if (address !== undefined) return address;
  }
  const pools = poolsOf(network, family);
  const isResting = pools.some((pool) => pool.nextWakeMs(nowMs) !== undefined);
  const more = isResting ? "; those that came back rest for a minute" : "";
  throw new AllocationError(
    `no address is left in network ${network.name} (${pools.map(({ text }) => text).join(", ")})${more}`,
    { kind: "address", id: networkId },
  );
}

function poolsOf({ pools }: NetworkPool, family: IpFamily): readonly AddressPool[] {
  return pools.filter(({ subnet }) => subnet.family === family);
}

function readRange(text: string, network: string): IpRange {
  const range = parseRange(text);
  if (!range) throw new AllocationError(`"${text}" of network ${network} is no subnet`);
  return range;
}

function nameOf(network: Network): string {
  return network.spec?.annotations?.name ?? network.id;
}
