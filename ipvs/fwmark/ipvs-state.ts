/** IPVS services of one namespace as plain data: wanted or actual, in one form so that they compare. */
import {
  describeEnd,
  describeServiceKey,
  type IpvsDestination,
  type IpvsServiceKey,
  markService,
  masqueradedDestination,
} from "../../native-bindings/ipvs/objects.js";
import type { IpvsSocket } from "../../native-bindings/ipvs/socket.js";
import { familyOfService } from "../family.js";
import { MARK_MAX, MARK_MIN, type VirtualService } from "../load-balancer.js";
import { inNamespaceOrder } from "../slots.js";

export type MarkKey = Extract<IpvsServiceKey, { readonly mark: number }>;

export interface IpvsServiceState {
  readonly key: MarkKey;
  readonly scheduler: string;
  /** Flags or persistence that this driver never sets. */
  readonly plain: boolean;
  /** By `address:port`; with a service by mark the port is 0. */
  readonly destinations: ReadonlyMap<string, IpvsDestination>;
  /** By `address:port`, as the kernel counts them; absent in a wanted state. */
  readonly connections?: ReadonlyMap<string, number>;
}

/** By key in words: `fwmark 300`, `fwmark 300 of ipv6`. The kernel may have services of both families with one mark. */
export type IpvsState = ReadonlyMap<string, IpvsServiceState>;

export interface KernelIpvs {
  readonly services: IpvsState;
  /** What somebody else made, in words: services by address, or with a mark that this driver never gives. */
  readonly foreign: readonly string[];
}

export function wantedIpvs(services: readonly VirtualService[]): IpvsState {
  return new Map(
    services.map((service) => {
      const destinations = new Map<string, IpvsDestination>();
      for (const { address, weight } of inNamespaceOrder(service)) {
        destinations.set(describeEnd(address, 0), masqueradedDestination(address, weight));
      }
      const key = keyOf(service);
      return [describeServiceKey(key), { key, scheduler: schedulerOf(service), plain: true, destinations }];
    }),
  );
}

/** Plain round robin unless weights differ; it passes over destinations with weight 0. */
function schedulerOf({ destinations }: VirtualService): string {
  const weights = new Set(destinations.map(({ weight }) => weight));
  weights.delete(0);
  return weights.size > 1 ? "wrr" : "rr";
}

export function keyOf(service: VirtualService): MarkKey {
  return { family: familyOfService(service) === "ip6" ? "ipv6" : "ipv4", mark: service.mark };
}

/** @throws NetlinkError, NetlinkTransportError, NetlinkFormatError */
export function readIpvs(socket: IpvsSocket): KernelIpvs {
  const services = new Map<string, IpvsServiceState>();
  const foreign: string[] = [];
  for (const { key, scheduler, flags, persistenceTimeoutS } of socket.services()) {
    if (!("mark" in key) || key.mark < MARK_MIN || key.mark > MARK_MAX) {
      foreign.push(`${describeServiceKey(key)} ${scheduler}`);
      continue;
    }
    const destinations = new Map<string, IpvsDestination>();
    const connections = new Map<string, number>();
    for (const report of socket.destinations(key)) {
      const { activeConnections, inactiveConnections, persistentConnections, statistics, ...destination } = report;
      const name = describeEnd(destination.address, destination.port);
      destinations.set(name, destination);
      connections.set(name, activeConnections + inactiveConnections);
    }
    const plain = flags === markService(key.mark, scheduler).flags && persistenceTimeoutS === 0;
    services.set(describeServiceKey(key), { key, scheduler, plain, destinations, connections });
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
