import type { Flow } from "./flows.js";
import type { VirtualService } from "./load-balancer.js";
import { PROTOCOL_NUMBERS } from "./published-port.js";

/** @returns a count of tracked connections by service and destination, from one list of them */
export function countFlows(flows: readonly Flow[]): (service: VirtualService, destination: string) => number {
  const counts = new Map<string, number>();
  const count = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const { original, reply } of flows) {
    if (reply.source === original.destination) continue;
    count(`${original.destination}>${reply.source}`);
    count(`${original.protocol}/${original.destinationPort}>${reply.source}`);
  }
  return ({ virtual, published }, destination) => {
    let sum = virtual ? (counts.get(`${virtual.address}>${destination}`) ?? 0) : 0;
    for (const { protocol, port } of published) {
      sum += counts.get(`${PROTOCOL_NUMBERS[protocol]}/${port}>${destination}`) ?? 0;
    }
    return sum;
  };
}
