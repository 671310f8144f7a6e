import type { Action } from "../invocation.js";
import { byName, listNetworks, networkName } from "../objects.js";
import { printList, shortId } from "../render/list.js";
import { networkDriver, networkSubnets, networkTraits, networkVnis } from "./columns.js";

/** `tsctl network ls` */
export const listNetworksCommand: Action = async (invocation) => {
  const connection = await invocation.connect();
  const networks = [...(await listNetworks(connection))].sort((a, b) => byName(networkName(a), networkName(b)));
  printList(invocation, {
    rows: networks,
    id: ({ id }) => id,
    columns: [
      { title: "ID", value: ({ id }) => shortId(invocation, id) },
      { title: "NAME", value: networkName },
      { title: "DRIVER", value: networkDriver },
      { title: "SUBNET", value: (network) => networkSubnets(network).join(", ") },
      { title: "OPTIONS", value: (network) => networkTraits(network).join(", ") },
    ],
    json: (network) => ({
      id: network.id,
      name: networkName(network),
      driver: networkDriver(network),
      subnets: networkSubnets(network),
      vnis: networkVnis(network),
      ingress: network.spec?.ingress ?? false,
      internal: network.spec?.internal ?? false,
      attachable: network.spec?.attachable ?? false,
      labels: network.spec?.annotations?.labels ?? {},
    }),
  });
  return undefined;
};
