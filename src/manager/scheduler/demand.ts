/** What a task takes of its node. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type PortConfig,
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { portKey } from "../../store/tables.js";

export interface Demand {
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  /** Ports in host mode, "8080/0" with the protocol's number. */
  readonly hostPorts: readonly string[];
}

const NO_PORTS: readonly string[] = [];

export function demandOf(task: Task): Demand {
  const reserved = task.spec?.resources?.reservations;
  return { nanoCpus: reserved?.nanoCpus ?? 0, memoryBytes: reserved?.memoryBytes ?? 0, hostPorts: hostPortsOf(task) };
}

function hostPortsOf({ endpoint }: Task): readonly string[] {
  if (!endpoint) return NO_PORTS;
  const ports = endpoint.ports.length > 0 ? endpoint.ports : (endpoint.spec?.ports ?? []);
  return ports.some(isHostPort) ? [...new Set(ports.filter(isHostPort).map(portKey))] : NO_PORTS;
}

function isHostPort(port: PortConfig): boolean {
  return port.publishMode === PublishMode.HOST && port.publishedPort > 0 && port.protocol in Protocol;
}
