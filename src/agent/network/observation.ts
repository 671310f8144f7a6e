/** What a node answers to `tsctl net inspect`: every wanted object beside what the kernel holds, and the way of a packet. */
import { isIP } from "node:net";
import type { DestinationDrift } from "../../../ipvs/load-balancer.js";
import type { RuleDrift } from "../../../netns/packet-filter/rules.js";
import {
  ItemState,
  type ObservedItem,
  type ObserveRequest,
  type ObserveResult,
} from "../../api/generated/tswarm/v1/link.js";
import type { DataPlane } from "./data-plane.js";
import type { DataPlaneOptions } from "./data-plane-protocol.js";
import type { KernelPort, NamespacePlace } from "./kernel-port.js";
import { INGRESS_SANDBOX } from "./node-wanted.js";
import { packetPaths } from "./packet-paths.js";
import { rowKeyOf } from "./virtual-services.js";

export function observeNode(
  plane: DataPlane,
  kernel: KernelPort,
  request: ObserveRequest,
  options: DataPlaneOptions,
): ObserveResult {
  const items: ObservedItem[] = [...kernel.overlay.observe(plane.wanted.node())];
  const { packetFilter } = kernel;
  if (packetFilter) {
    items.push(...observed(kernel, "host", () => ruleItems("host", packetFilter.observe(plane.wanted.hostRules()))));
  }
  for (const sandboxId of plane.sandboxIds()) {
    items.push(...observed(kernel, { sandboxId }, () => sandboxItems(plane, kernel, sandboxId)));
  }
  return {
    requestId: request.requestId,
    error: "",
    loadBalancer: kernel.facts.loadBalancer,
    packetFilter: kernel.facts.packetFilter,
    items: items.filter((item) => concerns(item, request, plane)),
    paths: packetPaths(plane, request, options),
  };
}

function sandboxItems(plane: DataPlane, kernel: KernelPort, sandboxId: string): readonly ObservedItem[] {
  const place = placeName(plane, sandboxId);
  const rules = kernel.packetFilter?.observe(plane.wanted.sandboxRules(sandboxId)) ?? [];
  const balanced = plane.balancer(sandboxId)?.observe(plane.wantedServices(sandboxId)) ?? [];
  return [...ruleItems(place, rules), ...balanced.map((drift) => balancerItem(place, drift, plane))];
}

/** A namespace that is gone is itself the drift; its rules and services need no row each. */
function observed(
  kernel: KernelPort,
  place: NamespacePlace,
  look: () => readonly ObservedItem[],
): readonly ObservedItem[] {
  try {
    return kernel.inside(place, look);
  } catch (error) {
    const name = place === "host" ? "host" : place.sandboxId;
    return [
      item({
        kind: "filter",
        place: name,
        key: "rules and services",
        wanted: "readable",
        found: error instanceof Error ? error.message : String(error),
        state: ItemState.ITEM_MISSING,
      }),
    ];
  }
}

function ruleItems(place: string, drift: readonly RuleDrift[]): readonly ObservedItem[] {
  return drift.map((rule) =>
    item({
      kind: "filter",
      place,
      key: rule.key,
      wanted: rule.wanted ?? "",
      found: rule.found ?? "",
      state: itemState(rule.state),
    }),
  );
}

function balancerItem(place: string, drift: DestinationDrift, plane: DataPlane): ObservedItem {
  const [serviceId = "", networkId = ""] = drift.serviceId.split("/");
  const rowKey = rowKeyOf(drift.serviceId);
  const name = plane.wanted.rows.services.get(rowKey)?.name ?? serviceId;
  const isDestination = isIP(drift.part) !== 0;
  const endpoint = isDestination
    ? [...plane.wanted.rows.endpointsOfService(rowKey).values()].find(
        ({ address, address6 }) => address === drift.part || address6 === drift.part,
      )
    : undefined;
  return item({
    kind: isDestination ? "destination" : "load-balancer",
    place,
    key: `${name} 0x${drift.mark.toString(16)} ${drift.part}`,
    wanted: drift.wanted ?? "",
    found: drift.found ?? "",
    state: itemState(drift.state),
    networkId,
    serviceId,
    endpointId: endpoint?.id ?? "",
    weight: drift.weight ?? 0,
    connections: drift.connections ?? 0,
  });
}

/** Rules and links of the host concern every network; those of a sandbox the networks that it is attached to. */
function concerns(one: ObservedItem, request: ObserveRequest, plane: DataPlane): boolean {
  if (request.serviceId !== "" && one.serviceId !== "" && one.serviceId !== request.serviceId) return false;
  if (request.networkId === "") return true;
  if (one.networkId !== "") return one.networkId === request.networkId;
  if (one.place === "host") return true;
  if (one.place === INGRESS_SANDBOX) return plane.wanted.ingress?.networkId === request.networkId;
  const task = [...plane.wanted.tasks.values()].find(
    (candidate) => candidate.id === one.place || candidate.name === one.place,
  );
  return task?.attachments.some((attachment) => attachment.networkId === request.networkId) ?? false;
}

export function placeName(plane: DataPlane, sandboxId: string): string {
  return plane.wanted.tasks.get(sandboxId)?.name ?? sandboxId;
}

function itemState(state: "present" | "missing" | "different" | "extra"): ItemState {
  switch (state) {
    case "present":
      return ItemState.ITEM_PRESENT;
    case "missing":
      return ItemState.ITEM_MISSING;
    case "different":
      return ItemState.ITEM_DIFFERENT;
    case "extra":
      return ItemState.ITEM_EXTRA;
  }
}

function item(fields: Partial<ObservedItem> & Pick<ObservedItem, "kind" | "place" | "key" | "state">): ObservedItem {
  return {
    wanted: "",
    found: "",
    networkId: "",
    serviceId: "",
    endpointId: "",
    weight: 0,
    connections: 0,
    ...fields,
  };
}
