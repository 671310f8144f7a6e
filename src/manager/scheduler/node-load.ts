/** What runs on each node, kept up to date task by task: what the scheduler decides on. */
import type { Task } from "../../api/generated/docker/swarmkit/v1/objects.js";
import {
  type PortConfig,
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { isOver } from "../task-life.js";

export interface Demand {
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  /** Ports in host mode, "8080/0" with the protocol's number. */
  readonly hostPorts: readonly string[];
}

export class NodeLoad {
  tasks = 0;
  nanoCpus = 0;
  memoryBytes = 0;
  readonly byService = new Map<string, number>();
  readonly hostPorts = new Map<string, number>();

  add(serviceId: string, demand: Demand, sign: 1 | -1): void {
    this.tasks += sign;
    this.nanoCpus += sign * demand.nanoCpus;
    this.memoryBytes += sign * demand.memoryBytes;
    count(this.byService, serviceId, sign);
    for (const port of demand.hostPorts) count(this.hostPorts, port, sign);
  }
}

export class ClusterLoad {
  readonly #nodes = new Map<string, NodeLoad>();
  /** Tasks that count, and where. */
  readonly #counted = new Map<string, { readonly nodeId: string; readonly task: Task }>();

  of(nodeId: string): NodeLoad {
    let load = this.#nodes.get(nodeId);
    if (!load) {
      load = new NodeLoad();
      this.#nodes.set(nodeId, load);
    }
    return load;
  }

  /** Takes a task as it is now. @returns whether a node became less loaded */
  see(task: Task): boolean {
    const counted = this.#counted.get(task.id);
    const nodeId = isOver(task) ? "" : task.nodeId;
    if ((counted?.nodeId ?? "") === nodeId) return false;
    const freed = this.forget(task.id);
    if (nodeId !== "") {
      this.#counted.set(task.id, { nodeId, task });
      this.of(nodeId).add(task.serviceId, demandOf(task), 1);
    }
    return freed;
  }

  /** @returns whether a node became less loaded */
  forget(taskId: string): boolean {
    const counted = this.#counted.get(taskId);
    if (!counted) return false;
    this.#counted.delete(taskId);
    this.of(counted.nodeId).add(counted.task.serviceId, demandOf(counted.task), -1);
    return true;
  }

  forgetNode(nodeId: string): void {
    for (const [taskId, counted] of this.#counted) if (counted.nodeId === nodeId) this.#counted.delete(taskId);
    this.#nodes.delete(nodeId);
  }
}

export function demandOf(task: Task): Demand {
  const reserved = task.spec?.resources?.reservations;
  const ports = task.endpoint?.ports.length ? task.endpoint.ports : (task.endpoint?.spec?.ports ?? []);
  return {
    nanoCpus: reserved?.nanoCpus ?? 0,
    memoryBytes: reserved?.memoryBytes ?? 0,
    hostPorts: ports.filter(isHostPort).map((port) => `${port.publishedPort}/${port.protocol}`),
  };
}

function isHostPort(port: PortConfig): boolean {
  return port.publishMode === PublishMode.HOST && port.publishedPort > 0 && port.protocol in Protocol;
}

function count(map: Map<string, number>, key: string, by: number): void {
  const value = (map.get(key) ?? 0) + by;
  if (value === 0) map.delete(key);
  else map.set(key, value);
}
