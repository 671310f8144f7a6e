/** Published ports: of one service by itself, against the cluster's own, and against other services. */
import type { Service } from "../../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type EndpointSpec,
  EndpointSpec_ResolutionMode as Mode,
} from "../../../api/generated/docker/swarmkit/v1/specs.js";
import {
  type PortConfig,
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../../api/generated/docker/swarmkit/v1/types.js";
import { invalidArgument } from "../../../api/status-error.js";
import type { StoreReader } from "../../../store/reader.js";
import { portKey } from "../../../store/tables.js";

/** A port that the cluster itself answers on. */
export interface ClusterPort {
  readonly protocol: Protocol;
  readonly port: number;
  readonly use: string;
}

/** @param managerPort TCP port of the managers @param dataPathPort UDP port of VXLAN */
export function clusterPorts(managerPort: number, dataPathPort: number): readonly ClusterPort[] {
  return [
    { protocol: Protocol.TCP, port: 2377, use: "managers" },
    { protocol: Protocol.TCP, port: managerPort, use: "managers" },
    { protocol: Protocol.TCP, port: 7946, use: "gossip between nodes" },
    { protocol: Protocol.UDP, port: 7946, use: "gossip between nodes" },
    { protocol: Protocol.UDP, port: dataPathPort, use: "the overlay networks" },
  ];
}

const LAST_PORT = 65_535;

/** @throws StatusError (INVALID_ARGUMENT) */
export function checkEndpoint(endpoint: EndpointSpec | undefined, reserved: readonly ClusterPort[]): void {
  if (!endpoint) return;
  const published = new Set<string>();
  for (const port of endpoint.ports) {
    if (port.targetPort < 1 || port.targetPort > LAST_PORT) {
      throw invalidArgument(`EndpointSpec: target port ${port.targetPort} is not in 1-${LAST_PORT}`);
    }
    if (port.publishedPort > LAST_PORT) {
      throw invalidArgument(`EndpointSpec: published port ${port.publishedPort} is not in 1-${LAST_PORT}`);
    }
    if (Protocol[port.protocol] === undefined || PublishMode[port.publishMode] === undefined) {
      throw invalidArgument(`EndpointSpec: port ${port.publishedPort} has no protocol or mode that is known`);
    }
    if (endpoint.mode === Mode.DNSRR && port.publishMode === PublishMode.INGRESS) {
      throw invalidArgument("EndpointSpec: port published with ingress mode can't be used with dnsrr mode");
    }
    if (port.publishedPort === 0) continue;
    const key = portText(port);
    if (published.has(key)) throw invalidArgument(`EndpointSpec: duplicate published ports provided: ${key}`);
    published.add(key);
    const own = reserved.find((one) => one.port === port.publishedPort && one.protocol === port.protocol);
    if (own) {
      throw invalidArgument(
        `port ${key} is used by the cluster itself (${own.use}): to publish it would cut nodes off`,
      );
    }
  }
}

/**
 * A port in ingress mode is one service's alone; in host mode several may have it, on different nodes.
 * @throws StatusError (INVALID_ARGUMENT) that names the other service
 */
export function checkPortConflicts(serviceId: string, endpoint: EndpointSpec | undefined, read: StoreReader): void {
  for (const ours of endpoint?.ports ?? []) {
    if (ours.publishedPort === 0) continue;
    for (const other of read.find("service", "publishedPort", portKey(ours))) {
      if (other.id === serviceId) continue;
      const theirs = portsOf(other).find(
        (port) =>
          portKey(port) === portKey(ours) &&
          (port.publishMode !== PublishMode.HOST || ours.publishMode !== PublishMode.HOST),
      );
      if (!theirs) continue;
      const as = theirs.publishMode === PublishMode.HOST ? " as a host-published port" : "";
      throw invalidArgument(
        `port '${ours.publishedPort}' is already in use by service '${other.spec?.annotations?.name}' (${other.id})${as}`,
      );
    }
  }
}

function portsOf({ spec, endpoint }: Service): readonly PortConfig[] {
  return [...(spec?.endpoint?.ports ?? []), ...(endpoint?.ports ?? [])];
}

function portText({ publishedPort, protocol }: PortConfig): string {
  return `${publishedPort}/${Protocol[protocol]?.toLowerCase()}`;
}
