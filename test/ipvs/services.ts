/** Short ways to write wanted services in tables of tests. */
import type { VirtualService } from "../../ipvs/load-balancer.js";

export const SOURCE = "10.77.0.10";

/** `web(300, { a: 1 })`: id `web300`, virtual address `10.99.0.<mark - 300>`. */
export function web(
  mark: number,
  weights: Readonly<Record<string, number>>,
  over: Partial<VirtualService> = {},
): VirtualService {
  return {
    id: `web${mark}`,
    mark,
    virtual: { address: `10.99.0.${mark - 300}`, sourceAddress: SOURCE },
    published: [],
    destinations: Object.entries(weights).map(([address, weight]) => ({ address, weight })),
    ...over,
  };
}

export const [A, B, C] = ["10.77.0.11", "10.77.0.12", "10.77.0.13"] as const;
export const TCP80 = [{ protocol: "tcp", port: 80 }] as const;
