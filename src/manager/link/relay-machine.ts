/**
 * The relay of endpoint rows between agents, as a pure machine: links, subscriptions and rows come in, messages go out.
 * Rows belong to the node that published them and outlive its link; they go when the node does.
 */
import type {
  Endpoint,
  EndpointUpdate,
  ManagerMessage,
  RowUpdate,
  ServiceRow,
} from "../../api/generated/tswarm/v1/link.js";
import { Acknowledgements, type AppliedRow } from "./acknowledgements.js";
import { RelayRows, serviceKey } from "./relay-rows.js";

export interface RelayOutput {
  readonly nodeId: string;
  readonly message: ManagerMessage;
}

/** A link with more changes to tell than this gets all rows anew. */
const MAX_PENDING = 4096;

interface Link {
  subscription: ReadonlySet<string> | undefined;
  /** All rows are due: after a subscription, or when there is too much to tell one by one. */
  complete: boolean;
  /** Rows that have changed since the last message. */
  readonly endpoints: Set<string>;
  readonly services: Set<string>;
  /** It does not take messages now. */
  blocked: boolean;
}

export class RelayMachine {
  readonly rows = new RelayRows();
  readonly #links = new Map<string, Link>();
  readonly #subscribers = new Map<string, Set<string>>();
  readonly #acknowledgements = new Acknowledgements();
  /** Rows whose owners are to be told that everybody has them, by endpoint id. */
  readonly #applied = new Map<string, AppliedRow>();
  /** Nodes of which rows are expected: until they are there, no complete update goes out that would leave them out. */
  readonly #expected = new Set<string>();
  #revision = 0;

  /** A manager that has just begun: these nodes have rows that it does not know yet. */
  expect(nodeIds: Iterable<string>): void {
    for (const nodeId of nodeIds) this.#expected.add(nodeId);
  }

  /** Whoever has not come until now is not waited for. */
  stopExpecting(): void {
    this.#expected.clear();
  }

  isLinked(nodeId: string): boolean {
    return this.#links.has(nodeId);
  }

  linkUp(nodeId: string): void {
    this.linkDown(nodeId);
    this.#links.set(nodeId, {
      subscription: undefined,
      complete: false,
      endpoints: new Set(),
      services: new Set(),
      blocked: false,
    });
  }

  linkDown(nodeId: string): void {
    const link = this.#links.get(nodeId);
    if (!link) return;
    this.#links.delete(nodeId);
    for (const networkId of link.subscription ?? []) this.#unsubscribe(nodeId, networkId);
    this.#markApplied(this.#acknowledgements.nodeLeft(nodeId));
  }

  blocked(nodeId: string, isBlocked: boolean): void {
    const link = this.#links.get(nodeId);
    if (link) link.blocked = isBlocked;
  }

  subscribe(nodeId: string, networkIds: readonly string[]): void {
    const link = this.#links.get(nodeId);
    if (!link) return;
    const wanted = new Set(networkIds);
    for (const networkId of link.subscription ?? []) {
      if (wanted.has(networkId)) continue;
      this.#unsubscribe(nodeId, networkId);
      for (const id of this.rows.endpointsOfNetwork(networkId)) {
        this.#markApplied(this.#acknowledgements.leave(nodeId, id));
      }
    }
    const added = [...wanted].filter((networkId) => !link.subscription?.has(networkId));
    link.subscription = wanted;
    this.#makeComplete(link);
    if (added.length > 0) this.#revision++;
    for (const networkId of added) {
      const subscribers = this.#subscribers.get(networkId);
      if (subscribers) subscribers.add(nodeId);
      else this.#subscribers.set(networkId, new Set([nodeId]));
      for (const id of this.rows.endpointsOfNetwork(networkId)) {
        this.#acknowledgements.join(nodeId, id, this.#revision);
      }
    }
  }

  /** An owner's rows. Rows that name another owner are dropped. */
  update(nodeId: string, { complete, endpoints, removedIds }: EndpointUpdate): void {
    if (!this.#links.has(nodeId)) return;
    const own = endpoints.filter((endpoint) => endpoint.nodeId === nodeId);
    if (complete) {
      this.#expected.delete(nodeId);
      const named = new Set(own.map(({ id }) => id));
      for (const id of this.rows.endpointsOfNode(nodeId)) if (!named.has(id)) this.#removeEndpoint(id);
    }
    for (const id of removedIds) {
      if (this.rows.endpoints.get(id)?.nodeId === nodeId) this.#removeEndpoint(id);
    }
    for (const endpoint of own) this.#putEndpoint(endpoint);
  }

  applied(nodeId: string, revision: number): void {
    if (revision > this.#revision) return;
    this.#markApplied(this.#acknowledgements.applied(nodeId, revision));
  }

  /** The rows that a service has now; none when it is gone. */
  serviceChanged(serviceId: string, rows: readonly ServiceRow[]): void {
    const kept = new Set(rows.map(serviceKey));
    for (const key of this.rows.rowsOfService(serviceId)) {
      if (kept.has(key)) continue;
      const removed = this.rows.removeService(key);
      if (removed) this.#tell(removed.networkId, (link) => link.services.add(key));
    }
    for (const row of rows) {
      const key = serviceKey(row);
      if (sameRow(this.rows.services.get(key), row)) continue;
      this.rows.putService(row);
      this.#tell(row.networkId, (link) => link.services.add(key));
    }
  }

  /** A node is down or removed: what it published is gone. Its link, if there is one, must begin anew. */
  nodeGone(nodeId: string): void {
    this.#expected.delete(nodeId);
    this.linkDown(nodeId);
    for (const id of this.rows.endpointsOfNode(nodeId)) this.#removeEndpoint(id);
  }

  /** @returns whether {@link flush} has something to send */
  get hasOutput(): boolean {
    for (const { ownerNodeId } of this.#applied.values()) {
      if (this.#links.get(ownerNodeId)?.blocked === false) return true;
    }
    for (const link of this.#links.values()) if (this.#isDue(link)) return true;
    return false;
  }

  /** What is to be sent now. Links with the same to learn share one message object. */
  flush(): readonly RelayOutput[] {
    const outputs: RelayOutput[] = [];
    const shared = new Map<string, ManagerMessage>();
    for (const [nodeId, link] of this.#links) {
      if (!this.#isDue(link)) continue;
      const update = link.complete ? this.#completeUpdate(link, shared) : this.#delta(link, shared);
      link.complete = false;
      link.endpoints.clear();
      link.services.clear();
      outputs.push({ nodeId, message: update });
    }
    return [...outputs, ...this.#appliedMessages()];
  }

  #isDue(link: Link): boolean {
    if (link.blocked || !link.subscription) return false;
    return link.complete ? this.#expected.size === 0 : link.endpoints.size + link.services.size > 0;
  }

  #completeUpdate(link: Link, shared: Map<string, ManagerMessage>): ManagerMessage {
    const networkIds = [...link.subscription!].sort();
    return getOrMake(shared, `complete ${networkIds.join()}`, () => {
      const endpoints = networkIds.flatMap((id) => [...this.rows.endpointsOfNetwork(id)]);
      const services = networkIds.flatMap((id) => [...this.rows.servicesOfNetwork(id)]);
      return this.#rowsMessage(true, endpoints, services);
    });
  }

  #delta(link: Link, shared: Map<string, ManagerMessage>): ManagerMessage {
    const endpoints = [...link.endpoints].sort();
    const services = [...link.services].sort();
    return getOrMake(shared, `delta ${endpoints.join()} ${services.join()}`, () =>
      this.#rowsMessage(false, endpoints, services),
    );
  }

  #rowsMessage(complete: boolean, endpointIds: readonly string[], serviceKeys: readonly string[]): ManagerMessage {
    const value: RowUpdate = {
      revision: this.#revision,
      complete,
      services: serviceKeys.flatMap((key) => this.rows.services.get(key) ?? []),
      removedServices: serviceKeys.filter((key) => !this.rows.services.has(key)).map(splitKey),
      endpoints: endpointIds.flatMap((id) => this.rows.endpoints.get(id) ?? []),
      removedEndpointIds: endpointIds.filter((id) => !this.rows.endpoints.has(id)),
    };
    return { message: { $case: "rows", value } };
  }

  #appliedMessages(): readonly RelayOutput[] {
    const byOwner = new Map<string, { endpointId: string; revision: number }[]>();
    for (const { ownerNodeId, endpointId, rowRevision } of [...this.#applied.values()]) {
      const owner = this.#links.get(ownerNodeId);
      if (owner?.blocked) continue;
      this.#applied.delete(endpointId);
      // An owner without a link asks again when it has one.
      if (!owner) continue;
      const row = { endpointId, revision: rowRevision };
      const rows = byOwner.get(ownerNodeId);
      if (rows) rows.push(row);
      else byOwner.set(ownerNodeId, [row]);
    }
    return [...byOwner].map(([nodeId, rows]) => ({
      nodeId,
      message: { message: { $case: "applied", value: { rows } } },
    }));
  }

  #putEndpoint(endpoint: Endpoint): void {
    const known = this.rows.endpoints.get(endpoint.id);
    const row = { ownerNodeId: endpoint.nodeId, endpointId: endpoint.id, rowRevision: endpoint.revision };
    if (known && known.revision >= endpoint.revision) {
      // The owner says again what is known, after its link broke: it asks whether all have applied it.
      const isDone = known.revision === endpoint.revision && !this.#acknowledgements.isWaiting(endpoint.id);
      if (isDone) this.#markApplied([row]);
      return;
    }
    if (known && known.networkId !== endpoint.networkId) this.#removeEndpoint(endpoint.id);
    this.rows.putEndpoint(endpoint);
    this.#tell(endpoint.networkId, (link) => link.endpoints.add(endpoint.id));
    const others = [...(this.#subscribers.get(endpoint.networkId) ?? [])].filter((id) => id !== endpoint.nodeId);
    this.#markApplied(this.#acknowledgements.begin(row, this.#revision, others));
  }

  #removeEndpoint(id: string): void {
    const removed = this.rows.removeEndpoint(id);
    if (!removed) return;
    this.#acknowledgements.cancel(id);
    this.#tell(removed.networkId, (link) => link.endpoints.add(id));
  }

  #tell(networkId: string, note: (link: Link) => void): void {
    this.#revision++;
    for (const nodeId of this.#subscribers.get(networkId) ?? []) {
      const link = this.#links.get(nodeId)!;
      if (link.complete) continue;
      note(link);
      if (link.endpoints.size + link.services.size > MAX_PENDING) this.#makeComplete(link);
    }
  }

  #markApplied(rows: readonly AppliedRow[]): void {
    for (const row of rows) this.#applied.set(row.endpointId, row);
  }

  #makeComplete(link: Link): void {
    link.complete = true;
    link.endpoints.clear();
    link.services.clear();
  }

  #unsubscribe(nodeId: string, networkId: string): void {
    const subscribers = this.#subscribers.get(networkId);
    subscribers?.delete(nodeId);
    if (subscribers?.size === 0) this.#subscribers.delete(networkId);
  }
}

function splitKey(key: string): { serviceId: string; networkId: string } {
  const slash = key.indexOf("/");
  return { serviceId: key.slice(0, slash), networkId: key.slice(slash + 1) };
}

/** Rows are made in one place, so that equal ones look equal. */
function sameRow(a: ServiceRow | undefined, b: ServiceRow): boolean {
  return a !== undefined && JSON.stringify(a) === JSON.stringify(b);
}

function getOrMake<Value>(map: Map<string, Value>, key: string, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}
