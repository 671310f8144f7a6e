/** IPVS services of one namespace as plain data: wanted or actual, in one form so that they compare. */
import {
  describeServiceKey,
  type IpvsDestination,
  type IpvsServiceKey,
  markService,
  masqueradedDestination,
} from "../../native-bindings/ipvs/objects.js";
import type { IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { MARK_MAX, MARK_MIN, type VirtualService } from "../load-balancer.js";
import { inNamespaceOrder } from "../slots.js";

export interface IpvsServiceState {
  readonly scheduler: string;
  /** Flags or persistence that this driver never sets. */
  readonly plain: boolean;
  /** By `address:port`; with a service by mark the port is 0. */
  readonly destinations: ReadonlyMap<string, IpvsDestination>;
  /** By `address:port`, as the kernel counts them; absent in a wanted state. */
  readonly connections?: ReadonlyMap<string, number>;
}

/** By mark. */
export type IpvsState = ReadonlyMap<number, IpvsServiceState>;

export interface KernelIpvs {
  readonly services: IpvsState;
  /** What somebody else made, in words: services by address, of IPv6, or with a mark that this driver never gives. */
  readonly foreign: readonly string[];
}

export function wantedIpvs(services: readonly VirtualService[]): IpvsState {
  return new Map(
    services.map((service) => {
      const destinations = new Map<string, IpvsDestination>();
      for (const { address, weight } of inNamespaceOrder(service)) {
        destinations.set(`${address}:0`, masqueradedDestination(address, weight));
      }
      return [service.mark, { scheduler: schedulerOf(service), plain: true, destinations }];
    }),
  );
}

/** Plain round robin unless weights differ; it passes over destinations with weight 0. */
function schedulerOf({ destinations }: VirtualService): string {
  const weights = new Set(destinations.map(({ weight }) => weight));
  weights.delete(0);
  return weights.size > 1 ? "wrr" : "rr";
}

export function keyOf(mark: number): IpvsServiceKey {
  return { family: "ipv4", mark };
}

/** @throws NetlinkError, NetlinkTransportError, NetlinkFormatError */
export function readIpvs(socket: IpvsSocket): KernelIpvs {
  const services = new Map<number, IpvsServiceState>();
  const foreign: string[] = [];
  for (const { key, scheduler, flags, persistenceTimeoutS } of socket.services()) {
    if (!("mark" in key) || key.family !== "ipv4" || key.mark < MARK_MIN || key.mark > MARK_MAX) {
      foreign.push(`${describeServiceKey(key)} ${scheduler}`);
      continue;
    }
    const destinations = new Map<string, IpvsDestination>();
    const connections = new Map<string, number>();
    for (const report of socket.destinations(key)) {
      const { activeConnections, inactiveConnections, persistentConnections, statistics, ...destination } = report;
      const name = `${destination.address}:${destination.port}`;
      destinations.set(name, destination);
      connections.set(name, activeConnections + inactiveConnections);
    }
    const plain = flags === markService(key.mark, scheduler).flags && persistenceTimeoutS === 0;
    services.set(key.mark, { scheduler, plain, destinations, connections });
  }
  return { services, foreign };
}

export function sameDestination(one: IpvsDestination, other: IpvsDestination): boolean {
  return (
    one.weight === other.weight &&
    one.forwarding === other.forwarding &&
    one.upperThreshold === other.upperThreshold &&
    one.lowerThreshold === other.lowerThreshold
  );
}
