/** A sandbox on networks `shop` and `back` with services and tasks, and queries to ask in it. */

import type { Endpoint, ServiceRow } from "../../../src/agent/cluster-view.js";
import { CLASS_IN, TYPE } from "../../../src/agent/dns/constants.js";
import type { DnsMessage } from "../../../src/agent/dns/message.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { encodeMessage } from "../../../src/agent/dns/message-writer.js";
import { decide, type Transport } from "../../../src/agent/dns/resolver.js";
import { SandboxNames } from "../../../src/agent/dns/sandbox-names.js";
import { ZoneTable } from "../../../src/agent/dns/zone-table.js";
import { EndpointKind, EndpointState, ServiceResolution } from "../../../src/api/generated/tswarm/v1/link.js";
import { endpoint, serviceRow } from "../network/rows.js";

export const SHOP = { id: "n1", name: "shop", subnet: "10.0.1.0/24", ingress: false };
export const BACK = { id: "n2", name: "back.Office", subnet: "10.0.2.0/24", ingress: false };
export const INGRESS = { id: "ni", name: "ingress", subnet: "10.0.0.0/24", ingress: true };

export interface Rows {
  readonly endpoints: Map<string, Endpoint>;
  readonly services: Map<string, ServiceRow>;
}

export function rows(services: readonly ServiceRow[], endpoints: readonly Endpoint[]): Rows {
  return {
    services: new Map(services.map((row) => [`${row.serviceId}/${row.networkId}`, row])),
    endpoints: new Map(endpoints.map((row) => [row.id, row])),
  };
}

export function task(slot: number, over: Partial<Endpoint> = {}): Endpoint {
  return endpoint({
    id: `t${slot}/n1`,
    taskId: `t${slot}`,
    taskName: `web.${slot}.t${slot}`,
    slot,
    address: `10.0.1.${10 + slot}`,
    taskAliases: [`host-${slot}`],
    ...over,
  });
}

/** What stands in most tests: `web` with VIP and three tasks, `rr` without VIP, `idle` without tasks, `db` on `back`. */
export const SHOP_ROWS = rows(
  [
    serviceRow({ aliases: ["webalias"] }),
    serviceRow({ serviceId: "s2", name: "rr", resolution: ServiceResolution.SERVICE_DNSRR, virtualAddress: "" }),
    serviceRow({ serviceId: "s3", name: "idle", virtualAddress: "10.0.1.3" }),
    serviceRow({ serviceId: "s4", name: "gone", resolution: ServiceResolution.SERVICE_DNSRR, virtualAddress: "" }),
    serviceRow({ serviceId: "s5", networkId: "n2", name: "db", virtualAddress: "10.0.2.2" }),
    serviceRow({ serviceId: "s5", networkId: "n9", name: "secret", virtualAddress: "10.0.9.2" }),
    serviceRow({ serviceId: "s1", networkId: "ni", name: "web", virtualAddress: "10.0.0.2" }),
    serviceRow({ serviceId: "s6", networkId: "ni", name: "outside", virtualAddress: "10.0.0.3" }),
  ],
  [
    task(1),
    task(2),
    task(3),
    task(4, { state: EndpointState.ENDPOINT_CONNECTED }),
    task(5, { state: EndpointState.ENDPOINT_DRAINING }),
    task(6, { serviceId: "s2", taskName: "rr.1.t6", taskAliases: ["web"] }),
    task(7, { serviceId: "s2", taskName: "rr.2.t7", taskAliases: [] }),
    task(8, { kind: EndpointKind.ENDPOINT_INGRESS_GATEWAY, serviceId: "", taskName: "", taskAliases: [] }),
  ],
);

export function namesOf(view: Rows, networks = [INGRESS, SHOP, BACK]): SandboxNames {
  const zones = new ZoneTable({ balancesIpv6: true });
  zones.reconcile(view);
  const own = {
    id: "t4",
    name: "web.4.t4",
    hostname: "my-host",
    attachments: [
      { networkId: "ni", addressPrefix: "10.0.0.14/24" },
      { networkId: "n1", addressPrefix: "10.0.1.14/24" },
    ],
  };
  return new SandboxNames(own, networks, (id) => zones.zone(id));
}

export const shopNames = (): SandboxNames => namesOf(SHOP_ROWS);

/** Randomness that keeps the order. */
export const firstOf = (): number => 0;

export interface QueryOptions {
  readonly type?: number;
  readonly class?: number;
  readonly id?: number;
  /** Speak EDNS and take answers of this size. */
  readonly udpSizeBytes?: number;
}

export function query(name: string, options: QueryOptions = {}): Buffer {
  return encodeMessage({
    header: {
      id: options.id ?? 0x1234,
      response: false,
      opcode: 0,
      authoritative: false,
      truncated: false,
      recursionDesired: true,
      recursionAvailable: false,
      authenticData: false,
      checkingDisabled: false,
      rcode: 0,
    },
    questions: [{ name, type: options.type ?? TYPE.A, class: options.class ?? CLASS_IN }],
    answers: [],
    authorities: [],
    additionals: [],
    ...(options.udpSizeBytes === undefined
      ? {}
      : { edns: { udpSizeBytes: options.udpSizeBytes, version: 0, dnssecOk: false, options: [] } }),
  });
}

/** The resolver's answer to bytes, read; or what it decided instead. */
export function ask(
  names: SandboxNames,
  bytes: Buffer,
  transport: Transport = "udp",
): DnsMessage | "forward" | "ignore" {
  const decision = decide(bytes, transport, names, firstOf);
  return decision.kind === "forward" || decision.kind === "ignore" ? decision.kind : parseMessage(decision.response);
}

export function addressesIn(message: DnsMessage): string[] {
  return message.answers.map((record) =>
    record.data.kind === "address" ? record.data.bytes.join(".") : record.data.kind,
  );
}
