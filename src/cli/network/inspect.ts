import { Network } from "../../api/generated-json/docker/swarmkit/v1/objects.js";
import { inspectEach } from "../inspect.js";
import type { Action } from "../invocation.js";
import { findNetwork, networkName } from "../objects.js";
import { renderSections, type Section } from "../render/sections.js";
import { timestampText } from "../render/time-ago.js";
import { labelLines } from "../render/words.js";
import { networkDriver, networkSubnets, networkTraits, networkVnis } from "./columns.js";

/** `tsctl network inspect NETWORK…` */
export const inspectNetworks: Action = async (invocation) => {
  const connection = await invocation.connect();
  return inspectEach<Network>(invocation, {
    find: (argument) => findNetwork(connection, argument),
    toJson: Network.toJSON,
    describe: async (network) => describe(network),
  });
};

function describe(network: Network): string {
  const configs = network.ipam?.configs ?? network.spec?.ipam?.configs ?? [];
  const sections: Section[] = [
    ["ID", network.id],
    ["Name", networkName(network)],
    ["Driver", networkDriver(network)],
    ["Created", timestampText(network.meta?.createdAt)],
    ["VNI", networkVnis(network).join(", ")],
    ["Subnet", networkSubnets(network).join(", ")],
    [
      "Gateway",
      configs
        .map(({ gateway }) => gateway)
        .filter((gateway) => gateway !== "")
        .join(", "),
    ],
    [
      "Range",
      configs
        .map(({ range }) => range)
        .filter((range) => range !== "")
        .join(", "),
    ],
    ["Options", networkTraits(network).join(", ")],
    ["Labels", labelLines(network.spec?.annotations?.labels)],
    ["Driver options", labelLines(network.spec?.driverConfig?.options)],
    ["Driver state", labelLines(network.driverState?.options)],
  ];
  return renderSections(sections);
}
