/** What a network may ask for. */
import { IPV6_MTU_MIN } from "../../../../overlay/ipv6.js";
import { VXLAN_OVERHEAD_IPV4_BYTES } from "../../../../overlay/mtu.js";
import type { Network } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import type { NetworkSpec } from "../../../api/generated/docker/swarmkit/v1/specs.js";
import {
  IPAMConfig_AddressFamily as AddressFamily,
  type IPAMConfig,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import { failedPrecondition, invalidArgument, unimplemented } from "../../../api/status-error.js";
import { AllocationError } from "../../allocator/allocation-error.js";
import {
  contains,
  formatIp,
  formatRange,
  type IpFamily,
  type IpRange,
  includes,
  overlaps,
  parseAddress,
  parseRange,
  rangeAround,
} from "../../allocator/ip-range.js";
import { readVni } from "../../allocator/network-record.js";
import { checkName } from "./name.js";

const MTU_OPTION = "com.docker.network.driver.mtu";
const MIN_MTU = 576;
const MAX_MTU = 65_535;
/** With what VXLAN puts around it. */
const MIN_MTU_IPV6 = IPV6_MTU_MIN + VXLAN_OVERHEAD_IPV4_BYTES;
/** Of subnets: from the largest to the smallest. */
const PREFIX_LENGTHS = { 4: [8, 30], 6: [32, 126] } as const;

/** @throws StatusError: INVALID_ARGUMENT, or UNIMPLEMENTED for what this version cannot build */
export function checkNetworkSpec(spec: NetworkSpec): void {
  checkName(spec.annotations);
  const driver = spec.driverConfig?.name || "overlay";
  if (driver !== "overlay") throw unimplemented(`network driver "${driver}" is not available: overlay is the only one`);
  if (spec.configFrom)
    throw unimplemented("networks made from another one are not available in this version of tswarm");
  if (spec.ingress && spec.attachable) throw invalidArgument("ingress network cannot be attachable");
  if (spec.ingress && spec.internal) throw invalidArgument("ingress network cannot be internal");
  const ipamDriver = spec.ipam?.driver?.name || "default";
  if (ipamDriver !== "default")
    throw unimplemented(`IPAM driver "${ipamDriver}" is not available: default is the only one`);
  if (spec.ingress && spec.ipv6Enabled) {
    throw unimplemented(
      "an ingress network with IPv6 is not available in this version of tswarm: published ports are answered over IPv4 alone",
    );
  }
  checkOptions(spec.driverConfig?.options ?? {}, spec.ipv6Enabled);
  const configs = spec.ipam?.configs ?? [];
  const counts = { 4: 0, 6: 0 };
  for (const config of configs) counts[checkIpam(config)]++;
  if (counts[6] > 0 && !spec.ipv6Enabled)
    throw invalidArgument("ipam configuration: an IPv6 subnet needs IPv6 enabled");
  for (const family of [4, 6] as const) {
    if (counts[family] < 2) continue;
    throw unimplemented(`a network has one IPv${family} subnet in this version of tswarm, not ${counts[family]}`);
  }
}

/** @throws StatusError (INVALID_ARGUMENT) that names the other network; FAILED_PRECONDITION for a second ingress network */
export function checkNetworkConflicts(spec: NetworkSpec, all: readonly Network[]): void {
  const ingress = spec.ingress ? all.find((network) => network.spec?.ingress) : undefined;
  if (ingress) throw failedPrecondition(`ingress network (${ingress.spec?.annotations?.name}) is already present`);
  for (const subnet of subnetsOf(spec.ipam?.configs)) {
    for (const other of all) {
      const theirs = [...subnetsOf(other.ipam?.configs), ...subnetsOf(other.spec?.ipam?.configs)];
      const taken = theirs.find((range) => overlaps(range, subnet));
      if (!taken) continue;
      throw invalidArgument(
        `subnet ${formatRange(subnet)} overlaps ${formatRange(taken)} of network ${other.spec?.annotations?.name}`,
      );
    }
  }
}

function checkOptions(options: Readonly<Record<string, string>>, ipv6Enabled: boolean): void {
  if (options.encrypted !== undefined && options.encrypted !== "false") {
    throw unimplemented("encrypted overlay networks are not available in this version of tswarm");
  }
  const mtu = options[MTU_OPTION];
  if (mtu !== undefined && !(/^\d+$/.test(mtu) && Number(mtu) >= MIN_MTU && Number(mtu) <= MAX_MTU)) {
    throw invalidArgument(`${MTU_OPTION}: "${mtu}" is not in ${MIN_MTU}-${MAX_MTU}`);
  }
  if (mtu !== undefined && ipv6Enabled && Number(mtu) < MIN_MTU_IPV6) {
    throw invalidArgument(`${MTU_OPTION}: ${mtu} is too small for IPv6, which needs ${MIN_MTU_IPV6} below an overlay`);
  }
  try {
    readVni(options);
  } catch (error) {
    if (!(error instanceof AllocationError)) throw error;
    throw invalidArgument(error.message);
  }
}

/** @returns the family of the subnet that it asks for */
function checkIpam(config: IPAMConfig): IpFamily {
  const asksForIpv6 = config.family === AddressFamily.IPV6;
  if (config.subnet === "") {
    if (config.range || config.gateway) throw invalidArgument("ipam configuration: a range or gateway needs a subnet");
    return asksForIpv6 ? 6 : 4;
  }
  const subnet = readSubnet(config.subnet);
  if (asksForIpv6 && subnet.family === 4) {
    throw invalidArgument(`ipam configuration: subnet ${config.subnet} is no IPv6 subnet`);
  }
  if (config.range) {
    const range = parseRange(config.range);
    if (!range) throw invalidArgument(`ipam configuration: invalid range ${config.range}`);
    if (!includes(subnet, range)) {
      throw invalidArgument(`ipam configuration: subnet ${config.subnet} does not contain range ${config.range}`);
    }
  }
  for (const [what, text] of [["gateway", config.gateway], ...Object.entries(config.reserved)] as const) {
    if (text === "") continue;
    const address = parseAddress(text);
    if (!address) throw invalidArgument(`ipam configuration: invalid ${what} ${text}`);
    if (!contains(subnet, address)) {
      throw invalidArgument(`ipam configuration: subnet ${config.subnet} does not contain ${what} ${text}`);
    }
    if (address.value === subnet.first || address.value === subnet.last) {
      throw invalidArgument(`ipam configuration: ${what} ${text} is the first or last address of ${config.subnet}`);
    }
  }
  return subnet.family;
}

function readSubnet(text: string): IpRange {
  const range = parseRange(text);
  if (!range) {
    const meant = rangeAround(text);
    const hint = meant ? `: host bits are set, ${formatRange(meant)} has none` : "";
    throw invalidArgument(`ipam configuration: invalid subnet ${text}${hint}`);
  }
  const [largest, smallest] = PREFIX_LENGTHS[range.family];
  if (range.length < largest || range.length > smallest) {
    throw invalidArgument(`ipam configuration: subnet ${text} must be from /${largest} to /${smallest}`);
  }
  const unusable = UNUSABLE.find((other) => overlaps(parseRange(other)!, range));
  if (unusable) {
    const first = formatIp(range.family, range.first);
    throw invalidArgument(`ipam configuration: subnet ${text} cannot be used: ${first} lies in ${unusable}`);
  }
  return range;
}

/** This network, loopback, link-local, multicast and reserved addresses; of IPv6 also those that stand for IPv4 ones. */
const UNUSABLE: readonly string[] = [
  "0.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/8",
  "fe80::/10",
  "ff00::/8",
];

function subnetsOf(configs: readonly IPAMConfig[] | undefined): readonly IpRange[] {
  return (configs ?? []).flatMap(({ subnet }) => parseRange(subnet) ?? []);
}
