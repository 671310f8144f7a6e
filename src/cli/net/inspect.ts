import { InspectorService, type NodeObservation } from "../../api/generated/tswarm/v1/link.js";
import { NodeObservation as NodeObservationCodec } from "../../api/generated-json/tswarm/v1/link.js";
import type { Connection } from "../connection.js";
import { ExitCode } from "../failure.js";
import { FlagReader, nonEmpty } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { networkSubnets, networkVnis } from "../network/columns.js";
import { byName, listNetworks, listServices, networkName, serviceName } from "../objects.js";
import { printJson } from "../render/list.js";
import { mayBeId, pickOne } from "../resolve.js";
import { itemState, tally } from "./drift.js";
import { readablePlace } from "./readable.js";
import { renderObservations } from "./render.js";

/** What `net inspect` looks at. */
interface Target {
  readonly id: string;
  readonly name: string;
  readonly networkId: string;
  readonly serviceId: string;
  readonly title: string;
}

/** `tsctl net inspect NETWORK|SERVICE` */
export const inspectNet: Action = async (invocation) => {
  const flags = new FlagReader(invocation.flags);
  const argument = nonEmpty(invocation.args[0] ?? "", "NETWORK|SERVICE");
  const connection = await invocation.connect();
  const { networkId, serviceId, title } = await findTarget(connection, argument);
  const { nodes } = await connection.call(InspectorService.observe, { requestId: 0, networkId, serviceId });
  const sorted = [...nodes].sort((a, b) => byName(a.hostname, b.hostname) || byName(a.nodeId, b.nodeId));
  if (invocation.settings.format === "json") {
    printJson(invocation, sorted.map(observationJson));
  } else {
    const options = {
      all: flags.isSet("--all"),
      full: invocation.flags.trunc === false,
      hasColour: invocation.terminal.hasColour,
      place: invocation.settings.resolveNames
        ? readablePlace(await namesIn(connection, sorted))
        : (text: string) => text,
    };
    invocation.terminal.write(renderObservations(title, sorted, options));
  }
  const { drifted, silentNodes } = tally(sorted);
  return flags.isSet("--exit-code") && (drifted > 0 || silentNodes > 0) ? ExitCode.drift : undefined;
};

async function namesIn(connection: Connection, nodes: readonly NodeObservation[]) {
  const networks = await listNetworks(connection);
  return {
    networks: new Map(networks.map((network) => [network.id, networkName(network)])),
    nodes: new Map(nodes.map(({ nodeId, hostname }) => [nodeId, hostname || nodeId])),
  };
}

/** Protobuf's JSON, with the state of every item written out: its default, present, would be left out. */
export function observationJson(node: NodeObservation): unknown {
  const json = NodeObservationCodec.toJSON(node) as { result?: { items?: object[] } };
  const items = node.result?.items ?? [];
  return {
    ...json,
    ...(node.result
      ? {
          result: {
            ...json.result,
            items: items.map((item, at) => ({ ...json.result?.items?.[at], state: itemState(item) })),
          },
        }
      : {}),
  };
}

/** A network or a service, by id, name or prefix of an id; a name that both bear is ambiguous. */
async function findTarget(connection: Connection, argument: string): Promise<Target> {
  const byNames = { names: [argument] };
  const byIds = { idPrefixes: [argument] };
  const isId = mayBeId(argument);
  const [networks, services] = await Promise.all([
    Promise.all([listNetworks(connection, byNames), isId ? listNetworks(connection, byIds) : []]),
    Promise.all([listServices(connection, byNames), isId ? listServices(connection, byIds) : []]),
  ]);
  const candidates: Target[] = [
    ...networks.flat().map((network) => ({
      id: network.id,
      name: networkName(network),
      networkId: network.id,
      serviceId: "",
      title: `Network ${networkName(network)}${facts(
        networkVnis(network).map((vni) => `VNI ${vni}`),
        networkSubnets(network),
      )}`,
    })),
    ...services.flat().map((service) => ({
      id: service.id,
      name: serviceName(service),
      networkId: "",
      serviceId: service.id,
      title: `Service ${serviceName(service)}${facts((service.endpoint?.virtualIps ?? []).map(({ addr }) => `VIP ${addr.split("/")[0]}`))}`,
    })),
  ];
  return pickOne("network or service", argument, candidates);
}

function facts(...lists: readonly (readonly string[])[]): string {
  const all = lists.flat();
  return all.length > 0 ? ` (${all.join(", ")})` : "";
}
