/** The relay with agents around it that a test drives message by message, with a queue per direction. */
import {
  type AgentMessage,
  Endpoint,
  type EndpointUpdate,
  type ManagerMessage,
  ServiceRow,
} from "../../../src/api/generated/tswarm/v1/link.js";
import { RelayMachine } from "../../../src/manager/link/relay-machine.js";

/** One agent, as the protocol wants it. */
export class ModelAgent {
  readonly own = new Map<string, Endpoint>();
  readonly endpoints = new Map<string, Endpoint>();
  readonly services = new Map<string, ServiceRow>();
  /** "endpoint id@revision" that everybody has applied. */
  readonly acknowledged = new Set<string>();
  subscription: readonly string[] = [];
  revision = 0;
  linked = false;
  readonly toManager: AgentMessage[] = [];
  readonly fromManager: ManagerMessage[] = [];

  constructor(readonly nodeId: string) {}

  send(message: AgentMessage["message"]): void {
    if (this.linked) this.toManager.push({ message });
  }

  linkUp(): void {
    this.linked = true;
    this.revision = 0;
    this.send({ $case: "subscription", value: { networkIds: this.subscription } });
    this.send({ $case: "update", value: { complete: true, endpoints: [...this.own.values()], removedIds: [] } });
  }

  linkDown(): void {
    this.linked = false;
    this.toManager.length = 0;
    this.fromManager.length = 0;
  }

  receive(): void {
    const message = this.fromManager.shift()?.message;
    if (message?.$case === "applied") {
      for (const { endpointId, revision } of message.value.rows) this.acknowledged.add(`${endpointId}@${revision}`);
    }
    if (message?.$case !== "rows") return;
    const { complete, endpoints, removedEndpointIds, services, removedServices, revision } = message.value;
    if (complete) {
      this.endpoints.clear();
      this.services.clear();
    }
    for (const id of removedEndpointIds) this.endpoints.delete(id);
    for (const row of endpoints) this.endpoints.set(row.id, row);
    for (const { serviceId, networkId } of removedServices) this.services.delete(`${serviceId}/${networkId}`);
    for (const row of services) this.services.set(`${row.serviceId}/${row.networkId}`, row);
    this.revision = revision;
    this.send({ $case: "applied", value: { revision } });
  }
}

export class RelayWorld {
  readonly machine = new RelayMachine();
  readonly agents: readonly ModelAgent[];
  readonly services = new Map<string, ServiceRow>();

  constructor(count: number) {
    this.agents = Array.from({ length: count }, (_, i) => new ModelAgent(`n${i + 1}`));
  }

  agent(number: number): ModelAgent {
    return this.agents[number - 1]!;
  }

  link(number: number): void {
    const agent = this.agent(number);
    agent.linkDown();
    this.machine.linkUp(agent.nodeId);
    agent.linkUp();
  }

  unlink(number: number): void {
    this.agent(number).linkDown();
    this.machine.linkDown(this.agent(number).nodeId);
  }

  subscribe(number: number, ...networkIds: readonly string[]): void {
    const agent = this.agent(number);
    agent.subscription = networkIds;
    agent.send({ $case: "subscription", value: { networkIds } });
  }

  publish(number: number, name: string, networkId: string, revision: number): Endpoint {
    const agent = this.agent(number);
    const row = Endpoint.fromPartial({ id: `${agent.nodeId}.${name}`, nodeId: agent.nodeId, networkId, revision });
    agent.own.set(row.id, row);
    this.#update(agent, { complete: false, endpoints: [row], removedIds: [] });
    return row;
  }

  withdraw(number: number, name: string): void {
    const agent = this.agent(number);
    const id = `${agent.nodeId}.${name}`;
    if (agent.own.delete(id)) this.#update(agent, { complete: false, endpoints: [], removedIds: [id] });
  }

  setService(serviceId: string, networkIds: readonly string[], virtualAddress: string): void {
    const rows = networkIds.map((networkId) => ServiceRow.fromPartial({ serviceId, networkId, virtualAddress }));
    for (const key of [...this.services.keys()]) if (key.startsWith(`${serviceId}/`)) this.services.delete(key);
    for (const row of rows) this.services.set(`${serviceId}/${row.networkId}`, row);
    this.machine.serviceChanged(serviceId, rows);
  }

  /** The manager reads one message of an agent. */
  managerReceives(number: number): boolean {
    const agent = this.agent(number);
    const message = agent.toManager.shift()?.message;
    if (!message) return false;
    if (message.$case === "subscription") this.machine.subscribe(agent.nodeId, message.value.networkIds);
    else if (message.$case === "update") this.machine.update(agent.nodeId, message.value);
    else if (message.$case === "applied") this.machine.applied(agent.nodeId, message.value.revision);
    return true;
  }

  flush(): number {
    const outputs = this.machine.flush();
    for (const { nodeId, message } of outputs)
      this.agents.find((one) => one.nodeId === nodeId)!.fromManager.push(message);
    return outputs.length;
  }

  /** Carries messages until there are none. */
  settle(): void {
    for (let busy = true; busy; ) {
      busy = false;
      for (let i = 1; i <= this.agents.length; i++) while (this.managerReceives(i)) busy = true;
      if (this.flush() > 0) busy = true;
      for (const agent of this.agents) {
        while (agent.fromManager.length > 0) {
          agent.receive();
          busy = true;
        }
      }
    }
  }

  #update(agent: ModelAgent, value: EndpointUpdate): void {
    agent.send({ $case: "update", value });
  }
}
