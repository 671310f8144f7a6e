/**
 * Service load balancing in one network namespace: a sandbox (clients inside call virtual addresses) or the ingress sandbox
 * (packets arrive for published ports). Two drivers behind one interface: IPVS by firewall mark, and nf_tables.
 */
import type { TransportProtocol } from "../netns/packet-filter/rules.js";

/** The range of {@link VirtualService.mark}. */
export const MARK_MIN = 256;
export const MARK_MAX = 65535 * 256;

export interface Destination {
  /** Of the service's family. */
  readonly address: string;
  /** Share of new connections, 0…65535. 0: draining, keeps its connections and gets no new ones. */
  readonly weight: number;
}

/**
 * A service has one family, that of its virtual address (one without is of IPv4): source and destinations are of the same. An
 * address is IPv4, or IPv6 as RFC 5952 writes it. What has a virtual address of each family is two services, with ids and marks
 * of their own.
 */
export interface VirtualService {
  /** Unique in the namespace and stable: service id "/" network id; with "/6" behind it for the second family. */
  readonly id: string;
  /** Firewall mark, unique in the namespace and stable while the service stands; 256…65535 × 256. */
  readonly mark: number;
  /**
   * The virtual address that clients in this namespace call; it becomes a local route with `sourceAddress` as preferred
   * source, never an interface's address. Absent for a service that is only published.
   */
  readonly virtual?: { readonly address: string; readonly sourceAddress: string };
  /** Published ports that packets arrive for from outside, at any local address (ingress sandbox only). IPv4 alone has them. */
  readonly published: readonly { readonly protocol: TransportProtocol; readonly port: number }[];
  /** The destination port is never changed here. Empty: every connection is refused at once. */
  readonly destinations: readonly Destination[];
}

export interface DestinationDrift {
  /** "" for what belongs to no wanted service. */
  readonly serviceId: string;
  readonly mark: number;
  /** `route`, `mark` (what leads to the service, or refuses), `service`, `setting`, or a destination's address. */
  readonly part: string;
  readonly state: "present" | "missing" | "different" | "extra";
  readonly wanted?: string;
  readonly found?: string;
  readonly weight?: number;
  /** Connections that the kernel counts to this destination now, where it counts them. */
  readonly connections?: number;
}

export interface ApplyResult {
  /** Kernel objects written, and connections ended. */
  readonly changed: number;
}

/**
 * Works on the network namespace that the calling thread is in: one instance for one namespace. Synchronous: belongs in the
 * data-plane Worker. The namespace has `lo` up and carries the services' source addresses before they are applied. A virtual
 * address is nobody's on the wire: no interface answers ARP or neighbour solicitations for it.
 *
 * Order is part of the contract. A backend is there before its service, the service before the virtual address and the
 * published port that lead to it; removal goes the other way round. Connections to a destination that is gone do not linger:
 * established TCP is reset or ends, UDP flows move to another backend with the next packet.
 *
 * An instance keeps a reference to the list that it applied last and compares by identity first: hand in the same objects for
 * what did not change, and share lists of destinations between namespaces.
 */
export interface LoadBalancer {
  readonly name: "ipvs" | "nftables";
  /** Takes services of IPv6. Where it is false they are refused: names then stand for the backends themselves. */
  readonly balancesIpv6: boolean;
  /**
   * Makes the namespace's services be exactly `wanted`. Writes what differs from the last apply; the first time, and after
   * a drift that {@link observe} saw, what differs from the kernel.
   * @throws WantedServiceError before anything is written, LoadBalancerWriteError when the kernel refuses
   */
  apply(wanted: readonly VirtualService[]): ApplyResult;
  /** Looks at the kernel and compares without writing, with connection counts. */
  observe(wanted: readonly VirtualService[]): readonly DestinationDrift[];
  /** Removes all that the driver ever wrote in this namespace, but for settings. */
  clear(): void;
}
