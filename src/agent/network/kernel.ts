/** The kernel behind {@link KernelPort}: namespaces, overlay, packet filter and load balancer of this node. */
import { chooseLoadBalancer } from "../../../ipvs/choose.js";
import { RouteSocket } from "../../../native-bindings/index.js";
import { inNamespace, openNamespace } from "../../../netns/index.js";
import { choosePacketFilter, type PacketFilterChoice } from "../../../netns/packet-filter/choose.js";
import { PacketFilterError } from "../../../netns/packet-filter/errors.js";
import { kernelHasIpv6 } from "../../../netns/packet-filter/kernel-families.js";
import { drift, type OverlayDrift } from "../../../overlay/drift.js";
import { expectedNode } from "../../../overlay/expected-state.js";
import { sandboxNamespace } from "../../../overlay/names.js";
import { observe } from "../../../overlay/observe.js";
import type { PlanPart } from "../../../overlay/plan.js";
import { reconcile } from "../../../overlay/reconcile.js";
import { removeAll } from "../../../overlay/remove-all.js";
import type { Scope } from "../../../overlay/scope.js";
import { bridgedFramesAreFiltered } from "../../../overlay/underlay.js";
import type { NodeWanted } from "../../../overlay/wanted.js";
import { ItemState, type ObservedItem } from "../../api/generated/tswarm/v1/link.js";
import type { DataPlaneFacts, DataPlaneOptions, DataPlaneProblem } from "./data-plane-protocol.js";
import { forgetUdpFlows } from "./flows.js";
import { BRIDGE_SUBNETS, freeSubnet } from "./gateway-addresses.js";
import type { KernelPort, OverlayPort, OverlayScope } from "./kernel-port.js";

/** Probes the kernel and opens it. The thread must be in the host's namespace. @throws Error when the kernel cannot carry a node */
export function openKernel(options: DataPlaneOptions): KernelPort {
  const filter = pickPacketFilter(options);
  const balancer = chooseLoadBalancer(options.loadBalancer === "auto" ? {} : { only: options.loadBalancer });
  const facts: Omit<DataPlaneFacts, "gatewaySubnet"> = {
    loadBalancer: balancer.name,
    loadBalancerReasons: [
      ...balancer.refused.map(({ name, reason }) => `${name}: ${reason}`),
      ...(balancer.name !== "none" && balancer.ipv6Refusal
        ? [`${balancer.name} for IPv6: ${balancer.ipv6Refusal}`]
        : []),
    ],
    packetFilter: filter.choice?.filter.name ?? "none",
    packetFilterReasons: filter.reasons,
    hasIpv6: kernelHasIpv6(),
    balancesIpv6: balancer.name !== "none" && balancer.balancesIpv6,
    underlayMtu: options.underlayMtu,
  };
  return {
    facts,
    canIsolatePorts: () => !bridgedFramesAreFiltered(),
    overlay: overlayPort(options),
    ...(filter.choice ? { packetFilter: filter.choice.filter } : {}),
    loadBalancer: () => (balancer.name === "none" ? undefined : balancer.create()),
    inside: (place, work) => {
      if (place === "host") return work();
      using namespace = openNamespace(sandboxNamespace(options.nodeId, place.sandboxId));
      return inNamespace(namespace, work);
    },
    forgetUdpFlows,
  };
}

/** A subnet for the gateway bridge that overlaps no route of the host and none of Docker's default overlay pool. */
export function chooseBridgeSubnet(bridgeName: string): string {
  using socket = RouteSocket.open();
  const bridge = socket.link({ name: bridgeName })?.index;
  const routes = socket
    .routes()
    .filter((route) => route.destination !== "0.0.0.0/0" && route.linkIndex !== bridge)
    .map((route) => route.destination);
  return freeSubnet(BRIDGE_SUBNETS, routes);
}

function pickPacketFilter(options: DataPlaneOptions): { choice?: PacketFilterChoice; reasons: readonly string[] } {
  try {
    const choice = choosePacketFilter(options.packetFilter === "auto" ? {} : { only: options.packetFilter });
    return { choice, reasons: choice.refused.map(({ name, reason }) => `${name}: ${reason}`) };
  } catch (error) {
    if (error instanceof PacketFilterError) return { reasons: [error.message] };
    throw error;
  }
}

function overlayPort({ nodeId }: DataPlaneOptions): OverlayPort {
  const pass = (wanted: NodeWanted, scope: OverlayScope, part: PlanPart): readonly DataPlaneProblem[] => {
    try {
      // What the kernel took stands; a network that comes has more parts than one look may show.
      const verify = scope === "all" || scope.networkIds.size > 0;
      const { failures } = reconcile({ nodeId, wanted, scope: overlayScope(scope), part, verify });
      return failures.map(({ place, text }) => ({ place: ownerOf(place), text }));
    } catch (error) {
      return [{ place: "host", text: error instanceof Error ? error.message : String(error) }];
    }
  };
  return {
    extend: (wanted, scope) => pass(wanted, scope, "extend"),
    trim: (wanted, scope) => pass(wanted, scope, "trim"),
    observe: (wanted) => drift(observe(expectedNode(wanted, nodeId)), wanted).map(observedItem),
    removeAll: (wanted) =>
      removeAll(nodeId, wanted.gatewayBridge.name).failures.map(({ place, text }) => ({ place: ownerOf(place), text })),
  };
}

function overlayScope(scope: OverlayScope): Scope {
  if (scope === "all") return "all";
  return { networks: scope.networkIds, entries: scope.entryNetworkIds, sandboxes: scope.sandboxIds };
}

/** Namespaces are named after the sandbox or network that they belong to. */
function ownerOf(place: string): string {
  return /^tsw-[^-]+-(?:net|sbx)-(.+)$/.exec(place)?.[1] ?? place;
}

function observedItem(row: OverlayDrift): ObservedItem {
  return {
    kind: row.kind,
    place: ownerOf(row.place),
    key: row.key,
    wanted: row.wanted ?? "",
    found: row.found ?? "",
    state: ITEM_STATES[row.state],
    networkId: row.networkId ?? "",
    serviceId: "",
    endpointId: "",
    weight: 0,
    connections: 0,
  };
}

const ITEM_STATES = {
  present: ItemState.ITEM_PRESENT,
  missing: ItemState.ITEM_MISSING,
  different: ItemState.ITEM_DIFFERENT,
  extra: ItemState.ITEM_EXTRA,
} as const;
