/** A node's wanted networks from a seed: what the crash test drives the data plane through. */

import { macFromAddress } from "../../../overlay/mac-address.js";
import type { DataPlaneChange, IngressFacts } from "../../../src/agent/network/data-plane-protocol.js";
import type { LocalTask } from "../../../src/agent/network/local-task.js";
import type { NetworkFacts } from "../../../src/agent/network/network-facts.js";
import { EndpointKind, type RowUpdate, ServiceResolution } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint, update } from "../network/rows.js";

export interface RandomState {
  readonly networks: readonly NetworkFacts[];
  readonly ingress: IngressFacts;
  readonly tasks: readonly LocalTask[];
  readonly rows: RowUpdate;
}

/** mulberry32: 32 bits of state, the same numbers for the same seed everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const INGRESS: NetworkFacts = {
  id: "ingressnetwork",
  name: "ingress",
  vni: 4096,
  subnet: "10.0.0.0/24",
  gatewayPrefix: "10.0.0.1/24",
  internal: false,
  ingress: true,
};

export function randomState(seed: number, nodeId: string): RandomState {
  const random = randomNumbers(seed);
  const upTo = (limit: number) => Math.floor(random() * (limit + 1));
  // The second one is now of both families, now of one: more than a network ever does.
  const overlays = [overlayFacts(1, true), overlayFacts(2, random() < 0.5)];
  const tasks = Array.from({ length: upTo(3) }, () =>
    randomTask(upTo(5), overlays.slice(0, 1 + upTo(1)), random() < 0.5),
  );
  const unique = [...new Map(tasks.map((task) => [task.id, task])).values()];
  return {
    networks: [INGRESS, ...overlays],
    ingress: { networkId: INGRESS.id, addressPrefix: "10.0.0.2/24" },
    tasks: unique,
    rows: randomRows(nodeId, overlays, upTo),
  };
}

/** The changes that lead from what is known to `state`, as an agent would send them. */
export function changesTo(state: RandomState, known: ReadonlySet<string>): readonly DataPlaneChange[] {
  const wanted = new Set(state.tasks.map((task) => task.id));
  return [
    { kind: "networks", networks: state.networks },
    { kind: "ingress", ingress: state.ingress },
    { kind: "rows", update: state.rows },
    ...state.tasks.map((task) => ({ kind: "task", task }) as const),
    ...[...known].filter((id) => !wanted.has(id)).map((taskId) => ({ kind: "task-gone", taskId }) as const),
  ];
}

function overlayFacts(index: number, hasIpv6: boolean): NetworkFacts {
  return {
    id: `overlaynetwork${index}`,
    name: `net${index}`,
    vni: 4096 + index,
    subnet: `10.0.${index}.0/24`,
    gatewayPrefix: `10.0.${index}.1/24`,
    ...(hasIpv6 && { subnet6: `fd00:${index}::/64`, gatewayPrefix6: `fd00:${index}::1/64` }),
    internal: false,
    ingress: false,
  };
}

function randomTask(number: number, overlays: readonly NetworkFacts[], published: boolean): LocalTask {
  const networks = published ? [INGRESS, ...overlays] : overlays;
  return {
    id: `task${number}`,
    name: `web.${number}.task${number}`,
    slot: number,
    serviceId: "service0",
    serviceName: "web",
    hostname: `task${number}`,
    attachments: networks.map((facts) => ({
      networkId: facts.id,
      addressPrefix: facts.subnet.replace("0/24", `${20 + number}/24`),
      ...(facts.subnet6 && { addressPrefix6: facts.subnet6.replace("/64", `${20 + number}/64`) }),
    })),
    ingressPorts: published ? [{ protocol: "tcp", targetPort: 80, publishedPort: 8080 }] : [],
    hostPorts: published ? [] : [{ protocol: "udp", targetPort: 53, publishedPort: 9000 + number }],
  };
}

function randomRows(nodeId: string, overlays: readonly NetworkFacts[], upTo: (limit: number) => number): RowUpdate {
  const networks = [INGRESS, ...overlays];
  const services = networks.flatMap((facts) =>
    Array.from({ length: 1 + upTo(2) }, (_, index) => ({
      serviceId: `service${index}`,
      networkId: facts.id,
      name: `service${index}`,
      resolution: ServiceResolution.SERVICE_VIP,
      virtualAddress6: facts.subnet6?.replace("/64", String(2 + index)) ?? "",
      virtualAddress: facts.ingress ? "" : facts.subnet.replace("0/24", String(2 + index)),
      aliases: [],
      ports: facts.ingress ? [{ protocol: "tcp", targetPort: 80, publishedPort: 8080 + index, name: "" }] : [],
    })),
  );
  const endpoints = networks.flatMap((facts) =>
    Array.from({ length: upTo(6) }, (_, index) => {
      const address = facts.subnet.replace("0/24", String(100 + index));
      return endpoint({
        id: `remote${index}/${facts.id}`,
        kind: facts.ingress && index < 2 ? EndpointKind.ENDPOINT_INGRESS_GATEWAY : EndpointKind.ENDPOINT_TASK,
        nodeId: `other-than-${nodeId}`,
        networkId: facts.id,
        serviceId: `service${index % 3}`,
        address,
        address6: upTo(3) > 0 ? (facts.subnet6?.replace("/64", String(100 + index)) ?? "") : "",
        mac: macFromAddress(address),
        tunnelAddress: `192.0.2.${2 + upTo(3)}`,
        revision: 1,
      });
    }),
  );
  return update({ complete: true, revision: 1, services, endpoints });
}
