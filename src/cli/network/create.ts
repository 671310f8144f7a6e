import { ControlService } from "../../api/generated/docker/swarmkit/v1/control.js";
import { NetworkSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { IPAMConfig_AddressFamily as Family } from "../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../failure.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { printChanged } from "../render/changed.js";
import { type Cidr, parseAddressIn, parseSubnet } from "../values/address.js";
import { parseLabels } from "../values/pair.js";
import { parseName } from "../values/text.js";

/** `tsctl network create NAME` */
export const createNetwork: Action = async (invocation) => {
  const spec = draftNetwork(invocation.flags, invocation.args);
  const connection = await invocation.connect();
  const { network } = await connection.call(ControlService.createNetwork, { spec });
  printChanged(invocation, [{ id: network?.id ?? "", name: spec.annotations?.name ?? "" }], "id");
  return undefined;
};

/** Reads the command line of `network create`. @throws UsageError */
export function draftNetwork(values: Readonly<Record<string, unknown>>, args: readonly string[]): NetworkSpec {
  const flags = new FlagReader(values);
  const name = parseName(args[0] ?? "", "NAME");
  if (args.length > 1) throw new UsageError(`network create takes one name, not ${args.length}`);
  const options = parseLabels(flags.texts("--opt"), "--opt");
  if (flags.isSet("--encrypted")) options.encrypted ??= "";
  const configs = readAddressing(flags);
  const six = configs.find(({ family }) => family === Family.IPV6);
  if (six && !flags.isSet("--ipv6")) throw new UsageError(`--subnet: ${six.subnet} is an IPv6 subnet: add --ipv6`);
  return NetworkSpec.fromPartial({
    annotations: { name, labels: parseLabels(flags.texts("--label"), "--label") },
    driverConfig: { name: flags.value("--driver", nonEmpty) ?? "overlay", options },
    ipv6Enabled: flags.isSet("--ipv6"),
    internal: flags.isSet("--internal"),
    attachable: flags.isSet("--attachable"),
    ingress: flags.isSet("--ingress"),
    ipam: configs.length > 0 ? { configs } : undefined,
  });
}

function readAddressing(flags: FlagReader) {
  const subnets = flags.values("--subnet", parseSubnet);
  const gateways = flags.texts("--gateway");
  const ranges = flags.texts("--ip-range");
  for (const [flag, texts] of [
    ["--gateway", gateways],
    ["--ip-range", ranges],
  ] as const) {
    if (texts.length > subnets.length) throw new UsageError(`${flag}: there are more of them than of --subnet`);
  }
  subnets.forEach((subnet, at) => {
    const other = subnets.slice(0, at).find((earlier) => overlap(earlier, subnet));
    if (other) throw new UsageError(`--subnet: ${subnet.text} overlaps ${other.text}`);
  });
  return subnets.map((subnet, at) => ({
    family: subnet.family === 6 ? Family.IPV6 : Family.IPV4,
    subnet: subnet.text,
    gateway: gateways[at] === undefined ? "" : parseAddressIn(gateways[at], "--gateway", subnet),
    range: ranges[at] === undefined ? "" : parseRangeIn(ranges[at], subnet),
  }));
}

function parseRangeIn(text: string, subnet: Cidr): string {
  const range = parseSubnet(text, "--ip-range");
  if (range.family !== subnet.family || range.first < subnet.first || range.last > subnet.last) {
    throw new UsageError(`--ip-range: ${range.text} is outside of the subnet ${subnet.text}`);
  }
  return range.text;
}

function overlap(a: Cidr, b: Cidr): boolean {
  return a.family === b.family && a.first <= b.last && b.first <= a.last;
}
