/** What the compliance suite needs to know of a driver. */
import type { ExecutionContext } from "ava";
import type { DestinationDrift, LoadBalancer, VirtualService } from "../../../ipvs/load-balancer.js";
import type { ProbeName } from "../../kernel/probes.js";

export interface DriverUnderTest {
  readonly name: LoadBalancer["name"];
  /** What a kernel must have to run it. */
  readonly needs: readonly ProbeName[];
  create(): LoadBalancer;
  /** Ways to damage what the driver wrote for {@link TAMPERED}, run in its namespace. */
  readonly tampering: Readonly<Record<string, () => void>>;
  /** Writes objects of somebody else into the thread's namespace; the driver must leave them alone. */
  addForeign(): void;
  /** What the namespace has of rules, maps, services and routes, as text: the driver's and others'. */
  dump(): string;
  /** What is established through a published port ends when the port is taken back, though the backend stays. */
  readonly endsUnpublished: boolean;
  /** Random sequences of changes to try. */
  readonly sequences: number;
  /** Services in the test of many. */
  readonly many: number;
}

/** Declares one test of the driver, on every kernel that can run it. */
export type Declare = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

/** Where the tampering happens: `10.99.0.1` with three backends and tcp port 8080 published, mark 300. */
export const TAMPERED = { mark: 300, address: "10.99.0.1", port: 8080 } as const;

export const VIP = "10.99.0.1";
export const CLIENT = "10.77.0.10";

/** A service that the client calls by a virtual address. */
export function service(
  destinations: readonly string[] | Readonly<Record<string, number>>,
  over: Partial<VirtualService> = {},
): VirtualService {
  const weighted = Array.isArray(destinations)
    ? destinations.map((address: string) => ({ address, weight: 1 }))
    : Object.entries(destinations).map(([address, weight]) => ({ address, weight: weight as number }));
  return {
    id: "web/shop",
    mark: 300,
    virtual: { address: VIP, sourceAddress: CLIENT },
    published: [],
    destinations: weighted,
    ...over,
  };
}

/** The parts that are not as wanted, as `web/shop 10.77.0.11 missing`. */
export function drifted(drifts: readonly DestinationDrift[]): string[] {
  return drifts
    .filter(({ state }) => state !== "present")
    .map(({ serviceId, part, state }) => `${serviceId} ${part} ${state}`);
}
