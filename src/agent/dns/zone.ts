/**
 * The names of one network: shared by all sandboxes on it, changed row by row, at a cost that goes with the change.
 *
 * What a name means, the first that applies:
 *   1. a service (its name or alias): its virtual address; with DNSRR its active tasks, and where it has no virtual address of IPv6 (or
 *      none that is balanced here) those of IPv6
 *   2. `tasks.` + the name or alias of a service: its active tasks
 *   3. a task's name or alias, of active tasks
 * So no task can take a service's name away by calling itself so. A service's name is known as long as its row exists, with or
 * without tasks; nothing of it is ever asked upstream.
 */
import { EndpointKind, EndpointState, ServiceResolution } from "../../api/generated/tswarm/v1/link.js";
import type { ClusterView, Endpoint, ServiceRow } from "../cluster-view.js";
import { nameKey } from "./name.js";
import { isAddress, type NameRecords, NO_ADDRESSES, type RecordSet, recordSet } from "./record-set.js";

/** Docker's figure: a virtual address stays while the service does. */
export const SERVICE_TTL_SECONDS = 600;
/** Tasks come and go, and resolvers in programs keep what they got for this long. */
export const TASK_TTL_SECONDS = 5;

interface NameEntry {
  /** Ids of services with this name or alias. */
  readonly services: Set<string>;
  /** Ids of services of which the name is `tasks.` + name or alias. */
  readonly taskSets: Set<string>;
  /** Ids of endpoints with this task name or alias. */
  readonly endpoints: Set<string>;
  /** Made when asked for; dropped when something behind it changes. */
  records?: NameRecords;
}

/** What a zone must know of its node. */
export interface ZoneMeans {
  /** Virtual addresses of IPv6 are balanced here. */
  readonly balancesIpv6: boolean;
}

export class NetworkZone {
  readonly #names = new Map<string, NameEntry>();
  /** By service id. */
  readonly #services = new Map<string, ServiceRow>();
  readonly #endpoints = new Map<string, Endpoint>();
  /** Active tasks by service id; also of a service whose row has not come yet. */
  readonly #active = new Map<string, Map<string, Endpoint>>();
  /** By address of either family, as RFC 5952 writes it. */
  readonly #taskByAddress = new Map<string, Endpoint>();
  readonly #serviceByAddress = new Map<string, ServiceRow>();
  readonly #means: ZoneMeans;

  constructor(means: ZoneMeans) {
    this.#means = means;
  }

  /** @returns the records of a name, without records for one that is known but stands for nothing; undefined for an unknown one */
  lookup(key: string): NameRecords | undefined {
    const entry = this.#names.get(key);
    if (!entry) return undefined;
    entry.records ??= this.#records(entry);
    return entry.records;
  }

  /** The name of the task or service with an address. */
  reverse(address: string): string | undefined {
    return this.#taskByAddress.get(address)?.taskName ?? this.#serviceByAddress.get(address)?.name;
  }

  get size(): number {
    return this.#names.size;
  }

  get isEmpty(): boolean {
    return this.#services.size === 0 && this.#endpoints.size === 0;
  }

  serviceIds(): Iterable<string> {
    return this.#services.keys();
  }

  endpointIds(): Iterable<string> {
    return this.#endpoints.keys();
  }

  putService(row: ServiceRow): void {
    if (this.#services.get(row.serviceId) === row) return;
    this.removeService(row.serviceId);
    this.#services.set(row.serviceId, row);
    for (const key of serviceKeys(row)) this.#entry(key).services.add(row.serviceId);
    for (const key of taskSetKeys(row)) this.#entry(key).taskSets.add(row.serviceId);
    this.#invalidateService(row);
    for (const address of [row.virtualAddress, row.virtualAddress6]) {
      if (address !== "") this.#serviceByAddress.set(address, row);
    }
  }

  removeService(serviceId: string): void {
    const row = this.#services.get(serviceId);
    if (!row) return;
    this.#services.delete(serviceId);
    for (const key of serviceKeys(row)) this.#leave(key, "services", serviceId);
    for (const key of taskSetKeys(row)) this.#leave(key, "taskSets", serviceId);
    for (const address of [row.virtualAddress, row.virtualAddress6]) {
      if (this.#serviceByAddress.get(address) === row) this.#serviceByAddress.delete(address);
    }
  }

  putEndpoint(endpoint: Endpoint): void {
    if (this.#endpoints.get(endpoint.id) === endpoint) return;
    this.removeEndpoint(endpoint.id);
    if (endpoint.kind !== EndpointKind.ENDPOINT_TASK || !isAddress(endpoint.address, 4)) return;
    this.#endpoints.set(endpoint.id, endpoint);
    this.#taskByAddress.set(endpoint.address, endpoint);
    if (endpoint.address6 !== "") this.#taskByAddress.set(endpoint.address6, endpoint);
    if (endpoint.state !== EndpointState.ENDPOINT_ACTIVE) return;
    for (const key of endpointKeys(endpoint)) this.#entry(key).endpoints.add(endpoint.id);
    if (endpoint.serviceId === "") return;
    let active = this.#active.get(endpoint.serviceId);
    if (!active) {
      active = new Map();
      this.#active.set(endpoint.serviceId, active);
    }
    active.set(endpoint.id, endpoint);
    this.#invalidateTasks(endpoint.serviceId);
  }

  removeEndpoint(id: string): void {
    const endpoint = this.#endpoints.get(id);
    if (!endpoint) return;
    this.#endpoints.delete(id);
    for (const address of [endpoint.address, endpoint.address6]) {
      if (this.#taskByAddress.get(address) === endpoint) this.#taskByAddress.delete(address);
    }
    for (const key of endpointKeys(endpoint)) this.#leave(key, "endpoints", id);
    const active = this.#active.get(endpoint.serviceId);
    if (!active?.delete(id)) return;
    if (active.size === 0) this.#active.delete(endpoint.serviceId);
    this.#invalidateTasks(endpoint.serviceId);
  }

  #records(entry: NameEntry): NameRecords {
    const four = new AddressCollector(4);
    const six = new AddressCollector(6);
    const active = (serviceId: string) => this.#active.get(serviceId)?.values() ?? [];
    if (entry.services.size > 0) {
      for (const serviceId of entry.services) {
        const row = this.#services.get(serviceId)!;
        const isDnsrr = row.resolution === ServiceResolution.SERVICE_DNSRR;
        if (isDnsrr) four.addTasks(active(serviceId), ({ address }) => address);
        else four.add(row.virtualAddress);
        const isVirtual6 = !isDnsrr && this.#means.balancesIpv6 && row.virtualAddress6 !== "";
        if (isVirtual6) six.add(row.virtualAddress6);
        else six.addTasks(active(serviceId), ({ address6 }) => address6);
      }
    } else {
      const tasks =
        entry.taskSets.size > 0
          ? [...entry.taskSets].flatMap((serviceId) => [...active(serviceId)])
          : [...entry.endpoints].map((id) => this.#endpoints.get(id)!);
      four.addTasks(tasks, ({ address }) => address);
      six.addTasks(tasks, ({ address6 }) => address6);
    }
    if (four.addresses.size + six.addresses.size === 0) return NO_ADDRESSES;
    return { four: four.records(), six: six.records() };
  }

  #entry(key: string): NameEntry {
    let entry = this.#names.get(key);
    if (!entry) {
      entry = { services: new Set(), taskSets: new Set(), endpoints: new Set() };
      this.#names.set(key, entry);
    }
    entry.records = undefined;
    return entry;
  }

  #leave(key: string, role: "services" | "taskSets" | "endpoints", id: string): void {
    const entry = this.#names.get(key);
    if (!entry?.[role].delete(id)) return;
    entry.records = undefined;
    if (entry.services.size + entry.taskSets.size + entry.endpoints.size === 0) this.#names.delete(key);
  }

  #invalidateTasks(serviceId: string): void {
    const row = this.#services.get(serviceId);
    if (row) this.#invalidateService(row);
  }

  #invalidateService(row: ServiceRow): void {
    for (const key of [...serviceKeys(row), ...taskSetKeys(row)]) {
      const entry = this.#names.get(key);
      if (entry) entry.records = undefined;
    }
  }
}

/** Addresses of one family for one name. */
class AddressCollector {
  readonly addresses = new Set<string>();
  #ttlSeconds = SERVICE_TTL_SECONDS;

  constructor(readonly family: 4 | 6) {}

  add(address: string): void {
    if (isAddress(address, this.family)) this.addresses.add(address);
  }

  addTasks(tasks: Iterable<Endpoint>, addressOf: (task: Endpoint) => string): void {
    this.#ttlSeconds = TASK_TTL_SECONDS;
    for (const task of tasks) this.add(addressOf(task));
  }

  records(): RecordSet {
    return recordSet(this.addresses, this.#ttlSeconds, this.family);
  }
}

/** The zone of one network from nothing: what the changes, one by one, must add up to. */
export function buildZone(
  view: Pick<ClusterView, "endpoints" | "services">,
  networkId: string,
  means: ZoneMeans,
): NetworkZone {
  const zone = new NetworkZone(means);
  for (const row of view.services.values()) if (row.networkId === networkId) zone.putService(row);
  for (const endpoint of view.endpoints.values()) if (endpoint.networkId === networkId) zone.putEndpoint(endpoint);
  return zone;
}

function serviceKeys(row: ServiceRow): Set<string> {
  return new Set([row.name, ...row.aliases].filter((name) => name !== "").map(nameKey));
}

function taskSetKeys(row: ServiceRow): Set<string> {
  return new Set([...serviceKeys(row)].map((key) => `tasks.${key}`));
}

function endpointKeys(endpoint: Endpoint): Set<string> {
  return new Set([endpoint.taskName, ...endpoint.taskAliases].filter((name) => name !== "").map(nameKey));
}
