/** The services that one sandbox balances, and the driver that holds them. */
import type { LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import type { ServiceRow } from "../cluster-view.js";
import { type RowTable, serviceKey } from "./row-table.js";
import type { ServiceMarks } from "./service-marks.js";
import { clientService, key6Of, meshService, NamespaceServices, type SharedDestinations } from "./virtual-services.js";

export interface SandboxServicesOptions {
  readonly balancer: LoadBalancer | undefined;
  /** The sandbox's own bare address by network: whose services it calls by virtual address. */
  readonly sources: ReadonlyMap<string, string>;
  /** The same of IPv6, of networks on which the driver balances it. */
  readonly sources6: ReadonlyMap<string, string>;
  /** The ingress network, in the ingress sandbox: whose services it serves by published port. */
  readonly meshNetworkId: string | undefined;
  readonly marks: ServiceMarks;
  readonly shared: SharedDestinations;
  readonly rows: RowTable;
}

export class SandboxServices {
  readonly #options: SandboxServicesOptions;
  readonly #services: NamespaceServices;

  constructor(options: SandboxServicesOptions) {
    this.#options = options;
    this.#services = new NamespaceServices(
      (row) => this.#make(row),
      options.sources6.size === 0 ? undefined : (row) => this.#make6(row),
    );
  }

  get balancer(): LoadBalancer | undefined {
    return this.#options.balancer;
  }

  get list(): readonly VirtualService[] {
    return this.#services.list;
  }

  concerns(networkIds: ReadonlySet<string>): boolean {
    const { sources, meshNetworkId } = this.#options;
    if (meshNetworkId !== undefined && networkIds.has(meshNetworkId)) return true;
    for (const id of sources.keys()) if (networkIds.has(id)) return true;
    return false;
  }

  rebuild(): void {
    const { rows } = this.#options;
    this.#services.rebuild(this.#networkIds().flatMap((id) => [...rows.servicesOf(id).values()]));
  }

  /** @returns whether one of the keys is a service of this sandbox's networks */
  update(keys: ReadonlySet<string>): boolean {
    const networkIds = new Set(this.#networkIds());
    const own = [...keys].filter((key) => networkIds.has(key.slice(key.indexOf("/") + 1)));
    this.#services.update(own, this.#options.rows);
    return own.length > 0;
  }

  /** Writes what changed. Inside the sandbox. */
  apply(): void {
    this.#options.balancer?.apply(this.#services.list);
  }

  /** Looks at the kernel and mends it. Inside the sandbox. */
  heal(): void {
    const { balancer } = this.#options;
    if (!balancer) return;
    const drifted = balancer.observe(this.#services.list).some((item) => item.state !== "present");
    if (drifted) balancer.apply(this.#services.list);
  }

  #networkIds(): readonly string[] {
    const { sources, meshNetworkId } = this.#options;
    return meshNetworkId === undefined ? [...sources.keys()] : [...sources.keys(), meshNetworkId];
  }

  #make(row: ServiceRow): VirtualService | undefined {
    const { sources, meshNetworkId, marks, shared } = this.#options;
    const key = serviceKey(row);
    if (row.networkId === meshNetworkId) return meshService(row, marks.of(key), shared.of(key));
    const sourceAddress = sources.get(row.networkId);
    if (sourceAddress === undefined) return undefined;
    return clientService(key, marks.of(key), { address: row.virtualAddress, sourceAddress }, shared.of(key));
  }

  #make6(row: ServiceRow): VirtualService | undefined {
    const { sources6, marks, shared } = this.#options;
    const sourceAddress = sources6.get(row.networkId);
    // What has none needs no mark either.
    if (sourceAddress === undefined || row.virtualAddress6 === "") return undefined;
    const key = serviceKey(row);
    const id = key6Of(key);
    return clientService(id, marks.of(id), { address: row.virtualAddress6, sourceAddress }, shared.of6(key));
  }
}
