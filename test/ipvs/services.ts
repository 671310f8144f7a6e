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

export const SOURCE6 = "fd00:77::10";
export const [A6, B6] = ["fd00:77::11", "fd00:77::12"] as const;

/** The same by IPv6: id `web300/6`, virtual address `fd00:99::<mark - 299>`. */
export function web6(
  mark: number,
  weights: Readonly<Record<string, number>>,
  over: Partial<VirtualService> = {},
): VirtualService {
  const virtual = { address: `fd00:99::${(mark - 299).toString(16)}`, sourceAddress: SOURCE6 };
  return web(mark, weights, { id: `web${mark}/6`, virtual, ...over });
}
