/** What can be wrong with a list of wanted services. */
export interface WantedServiceProblems {
  "duplicate-id": { readonly id: string };
  "duplicate-mark": { readonly mark: number; readonly ids: readonly [string, string] };
  "duplicate-virtual-address": { readonly address: string; readonly ids: readonly [string, string] };
  "duplicate-published-port": { readonly port: string; readonly ids: readonly [string, string] };
  "duplicate-destination": { readonly id: string; readonly address: string };
  "mark-out-of-range": { readonly id: string; readonly mark: number };
  "bad-address": { readonly id: string; readonly field: string; readonly address: string };
  "other-family": { readonly id: string; readonly field: string; readonly address: string };
  "no-ipv6": { readonly id: string; readonly address: string };
  "published-ipv6": { readonly id: string; readonly address: string };
  "bad-weight": { readonly id: string; readonly address: string; readonly weight: number };
  "bad-port": { readonly id: string; readonly port: string };
  "too-many-destinations": { readonly id: string; readonly count: number; readonly limit: number };
}

/** The wanted services contradict each other or hold a value that the kernel has no room for; nothing was written. */
export class WantedServiceError<K extends keyof WantedServiceProblems = keyof WantedServiceProblems> extends Error {
  override readonly name = "WantedServiceError";

  constructor(
    readonly code: K,
    readonly details: WantedServiceProblems[K],
  ) {
    super(
      `wanted services: ${code}: ${Object.entries(details)
        .map(([field, value]) => `${field} ${Array.isArray(value) ? value.join(" and ") : value}`)
        .join(", ")}`,
    );
  }
}

/** Texts that an error carries; a list of thousands helps nobody. */
const REFUSALS_KEPT = 10;

/** Some of what was to be written was refused; a full look and another apply go on from there. */
export class LoadBalancerWriteError extends Error {
  override readonly name = "LoadBalancerWriteError";
  /** The first of what the kernel refused, one text each. */
  readonly refusals: readonly string[];

  constructor(
    readonly driver: string,
    refusals: readonly string[],
    options?: ErrorOptions,
  ) {
    const rest = refusals.length - 3;
    super(
      `${driver} load balancer: ${refusals.slice(0, 3).join("; ")}${rest > 0 ? ` (and ${rest} more)` : ""}`,
      options,
    );
    this.refusals = refusals.slice(0, REFUSALS_KEPT);
  }
}
