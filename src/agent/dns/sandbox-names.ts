/**
 * What a name means inside one sandbox: its networks in their order, then its own names. A pure look-up over shared zones.
 *
 * Candidates, in Docker's order: the name as it stands, then split at every dot into a name and one of the sandbox's networks
 * ("a.b.c" as "a" on network "b.c", then "a.b" on "c"). The ingress network has no names. Addresses of IPv6 are looked for on the
 * networks that have it first: a network without says no more than that a name is there.
 */
import { CLASS_ANY, CLASS_IN, TYPE } from "./constants.js";
import { nameKey } from "./name.js";
import type { Query } from "./query.js";
import { type NameRecords, NO_RECORDS, type RecordSet, recordSet } from "./record-set.js";
import { type AddressRange, readReverseName, readSubnet, singleAddress, subnetHolds } from "./reverse-name.js";
import { type NetworkZone, TASK_TTL_SECONDS } from "./zone.js";

export interface SandboxNetwork {
  readonly id: string;
  readonly name: string;
  /** "10.0.1.0/24" */
  readonly subnet: string;
  /** "fd00:1::/64", on a network of both families. */
  readonly subnet6?: string;
  readonly ingress: boolean;
}

export interface SandboxTask {
  readonly id: string;
  readonly name: string;
  readonly hostname: string;
  readonly attachments: readonly {
    readonly networkId: string;
    readonly addressPrefix: string;
    readonly addressPrefix6?: string;
  }[];
}

export type Resolution =
  | { readonly kind: "addresses"; readonly records: RecordSet }
  /** The name that a PTR query asked for, without final dot. */
  | { readonly kind: "pointer"; readonly name: string; readonly ttlSeconds: number }
  /** A name of this cluster that has nothing of the asked type. */
  | { readonly kind: "empty" }
  /** A name that could only be the cluster's, and does not exist. */
  | { readonly kind: "no-such-name" }
  /** No business of this cluster. */
  | { readonly kind: "foreign" }
  /** A query that is neither answered nor passed on. */
  | { readonly kind: "refused" };

const EMPTY: Resolution = { kind: "empty" };
const NO_SUCH_NAME: Resolution = { kind: "no-such-name" };
const FOREIGN: Resolution = { kind: "foreign" };
const REFUSED: Resolution = { kind: "refused" };
const TASKS = "tasks.";

interface NamedNetwork {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly subnets: readonly AddressRange[];
}

export class SandboxNames {
  readonly #networks: readonly NamedNetwork[];
  /** Those with IPv6 before the others. */
  readonly #ipv6First: readonly NamedNetwork[];
  readonly #own = new Map<string, NameRecords>();
  readonly #zone: (networkId: string) => NetworkZone;

  /** @param zone the zone of a network as it is now; an empty one for an unknown network */
  constructor(task: SandboxTask, networks: readonly SandboxNetwork[], zone: (networkId: string) => NetworkZone) {
    this.#zone = zone;
    this.#networks = networks
      .filter((network) => !network.ingress)
      .map(({ id, name, subnet, subnet6 }) => ({
        id,
        name,
        key: nameKey(name),
        subnets: [subnet, ...(subnet6 === undefined ? [] : [subnet6])].map(readSubnet),
      }));
    const hasIpv6 = ({ subnets }: NamedNetwork) => subnets.length > 1;
    this.#ipv6First = [...this.#networks.filter(hasIpv6), ...this.#networks.filter((network) => !hasIpv6(network))];
    const attachmentOn = (network: NamedNetwork | undefined) =>
      task.attachments.find(({ networkId }) => networkId === network?.id);
    const { addressPrefix } = attachmentOn(this.#networks[0]) ?? {};
    if (addressPrefix === undefined) return;
    const { addressPrefix6 } = attachmentOn(this.#ipv6First[0]) ?? {};
    const records = {
      four: recordSet([addressPrefix.split("/")[0]!], TASK_TTL_SECONDS, 4),
      six: addressPrefix6 === undefined ? NO_RECORDS : recordSet([addressPrefix6.split("/")[0]!], TASK_TTL_SECONDS, 6),
    };
    for (const name of [task.name, task.hostname]) if (name !== "") this.#own.set(nameKey(name), records);
  }

  resolve(query: Pick<Query, "key" | "type" | "class">): Resolution {
    const { key, type } = query;
    if (query.class !== CLASS_IN && query.class !== CLASS_ANY) return REFUSED;
    if (type === TYPE.AXFR || type === TYPE.IXFR) return REFUSED;
    const records = this.#lookup(key, type === TYPE.AAAA ? this.#ipv6First : this.#networks);
    if (records) {
      const asked = recordsOfType(records, type);
      return asked.addresses.length > 0 ? { kind: "addresses", records: asked } : EMPTY;
    }
    const range = readReverseName(key);
    if (range) return this.#reverse(range, type);
    return this.#isTaskSetName(key) ? NO_SUCH_NAME : FOREIGN;
  }

  #lookup(key: string, networks: readonly NamedNetwork[]): NameRecords | undefined {
    for (const { id } of networks) {
      const records = this.#zone(id).lookup(key);
      if (records) return records;
    }
    for (let dot = key.indexOf("."); dot >= 0; dot = key.indexOf(".", dot + 1)) {
      for (const network of this.#networks) {
        if (network.key.length !== key.length - dot - 1 || !key.endsWith(network.key)) continue;
        const records = this.#zone(network.id).lookup(key.slice(0, dot)) ?? this.#own.get(key.slice(0, dot));
        if (records) return records;
      }
    }
    return this.#own.get(key);
  }

  #reverse(range: AddressRange, type: number): Resolution {
    const address = singleAddress(range);
    for (const network of address === undefined ? [] : this.#networks) {
      const owner = this.#zone(network.id).reverse(address!);
      if (owner === undefined) continue;
      if (type !== TYPE.PTR && type !== TYPE.ANY) return EMPTY;
      return { kind: "pointer", name: `${owner}.${network.name}`, ttlSeconds: TASK_TTL_SECONDS };
    }
    const isOurs = this.#networks.some(({ subnets }) => subnets.some((subnet) => subnetHolds(subnet, range)));
    return isOurs ? NO_SUCH_NAME : FOREIGN;
  }

  /** `tasks.x` and `tasks.x.network`; `tasks.example.com` is somebody else's. */
  #isTaskSetName(key: string): boolean {
    if (!key.startsWith(TASKS)) return false;
    const rest = key.slice(TASKS.length);
    return !rest.includes(".") || this.#networks.some((network) => rest.endsWith(`.${network.key}`));
  }
}

/** To ANY one family is answer enough (RFC 8482 §4.1). */
function recordsOfType({ four, six }: NameRecords, type: number): RecordSet {
  if (type === TYPE.A) return four;
  if (type === TYPE.AAAA) return six;
  if (type !== TYPE.ANY) return NO_RECORDS;
  return four.addresses.length > 0 ? four : six;
}
