import fc from "fast-check";
import type { VirtualService } from "../../../ipvs/load-balancer.js";
import type { Cast } from "./cast.js";

/** Up to four services, of the casts in turn, that may share marks and ports from one list to the next. */
export function wantedLists(casts: readonly Cast[]): fc.Arbitrary<readonly VirtualService[]> {
  const one = (index: number) => oneService(casts[index % casts.length]!, index);
  return fc.tuple(one(0), one(1), one(2), one(3)).chain((services) => fc.shuffledSubarray(services));
}

function oneService({ family, web, virtual }: Cast, index: number): fc.Arbitrary<VirtualService> {
  const isIpv4 = family === "ip";
  const ports = [
    { protocol: "tcp" as const, port: 8000 + index },
    { protocol: "udp" as const, port: 5000 + index },
  ];
  const address = fc.integer({ min: 11, max: 16 }).map(web);
  return fc.record({
    id: fc.constant(`s${index}/shop`),
    mark: fc.constantFrom(300 + index, 364 + index),
    virtual: isIpv4 ? fc.option(fc.constant(virtual(index)), { nil: undefined }) : fc.constant(virtual(index)),
    published: isIpv4 ? fc.subarray(ports) : fc.constant([]),
    destinations: fc.uniqueArray(fc.record({ address, weight: fc.constantFrom(0, 1, 1, 2) }), {
      maxLength: 4,
      selector: (destination) => destination.address,
    }),
  });
}
