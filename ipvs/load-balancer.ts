/**
 * Service load balancing in one network namespace: a sandbox (clients inside call virtual addresses) or the ingress sandbox
 * (packets arrive for published ports). Two drivers behind one interface: IPVS by firewall mark, and nf_tables.
 */
import type { TransportProtocol } from "../netns/packet-filter/rules.js";

/** The range of {@link VirtualService.mark}. */
export const MARK_MIN = 256;
export const MARK_MAX = 65535 * 256;

export interface Destination {
  /** IPv4 address of the backend. */
  readonly address: string;
  /** Share of new connections, 0…65535. 0: draining, keeps its connections and gets no new ones. */
  readonly weight: number;
}

export interface VirtualService {
  /** Unique in the namespace and stable: service id "/" network id. */
  readonly id: string;
  /** Firewall mark, unique in the namespace and stable while the service stands; 256…65535 × 256. */
  readonly mark: number;
  /**
   * The virtual address that clients in this namespace call; it becomes a local route with `sourceAddress` as preferred
   * source, never an interface's address. Absent for a service that is only published.
   */
  readonly virtual?: { readonly address: string; readonly sourceAddress: string };
  /** Published ports that packets arrive for from outside, at any local address (ingress sandbox only). */
  readonly published: readonly { readonly protocol: TransportProtocol; readonly port: number }[];
  /** The destination port is never changed here. Empty: every connection is refused at once. */
  readonly destinations: readonly Destination[];
}

export interface DestinationDrift {
  readonly serviceId: string;
  readonly mark: number;
  /** `route`, `mark`, `service` or a destination's address. */
  readonly part: string;
  readonly state: "present" | "missing" | "different" | "extra";
  readonly wanted?: string;
  readonly found?: string;
  readonly weight?: number;
  /** Connections that the kernel counts to this destination now, where it counts them. */
  readonly connections?: number;
}

export interface ApplyResult {
  /** Kernel objects written. */
  readonly changed: number;
}

/**
 * Works on the network namespace that the calling thread is in. Synchronous: belongs in the data-plane Worker.
 *
 * Order is part of the contract. A backend is there before its service, the service before the virtual address and the
 * published port that lead to it; removal goes the other way round. Connections to a destination that is gone do not linger:
 * established TCP is reset or ends, UDP flows move to another backend with the next packet.
 */
export interface LoadBalancer {
  readonly name: "ipvs" | "nftables";
  /** Makes the namespace's services be exactly `wanted`. `previous`, when given, is what the last apply here wanted. */
  apply(wanted: readonly VirtualService[]): ApplyResult;
  /** Compares without writing, with connection counts. */
  observe(wanted: readonly VirtualService[]): readonly DestinationDrift[];
  /** Removes all that the driver ever wrote in this namespace. */
  clear(): void;
}
