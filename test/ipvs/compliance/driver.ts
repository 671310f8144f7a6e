/** What the compliance suite needs to know of a driver. */
import type { ExecutionContext } from "ava";
import type { Family } from "../../../ipvs/family.js";
import type { DestinationDrift, LoadBalancer } from "../../../ipvs/load-balancer.js";
import type { ProbeName } from "../../kernel/probes.js";

export interface DriverUnderTest {
  readonly name: LoadBalancer["name"];
  /** What a kernel must have to run it, by family. */
  readonly needs: Readonly<Record<Family, readonly ProbeName[]>>;
  create(): LoadBalancer;
  /** Ways to damage what the driver wrote for {@link TAMPERED} in one family, run in its namespace. */
  readonly tampering: Readonly<Record<Family, Readonly<Record<string, () => void>>>>;
  /** Writes objects of somebody else into the thread's namespace; the driver must leave them alone. */
  addForeign(): void;
  /** What the namespace has of rules, maps, services and routes, as text: the driver's and others'. */
  dump(): string;
  /** What is established through a published port ends when the port is taken back, though the backend stays. */
  readonly endsUnpublished: boolean;
  /** What comes of a datagram longer than a frame, and of a second one: the backend's name, or the error's code. */
  readonly longDatagrams: Readonly<Record<Family, readonly [string, string]>>;
  /** Random sequences of changes to try. */
  readonly sequences: number;
  /** Services in the test of many. */
  readonly many: number;
}

/** Declares one test of the driver, on every kernel that can run it. */
export type Declare = (title: string, run: (t: ExecutionContext) => Promise<void>) => void;

/**
 * Where the tampering happens: the cast's `VIP` with three backends, mark 300; beside it `OTHER_VIP`, mark 301; with IPv4 tcp port
 * 8080 published.
 */
export const TAMPERED = { mark: 300, otherMark: 301, port: 8080 } as const;

/** The parts that are not as wanted, as `web/shop 10.77.0.11 missing`. */
export function drifted(drifts: readonly DestinationDrift[]): string[] {
  return drifts
    .filter(({ state }) => state !== "present")
    .map(({ serviceId, part, state }) => `${serviceId} ${part} ${state}`);
}
