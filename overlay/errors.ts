/** What is wrong with one object of a wanted state. Closed set; each code names the objects it is about. */
export type WantedProblem =
  | { readonly code: "bad-name"; readonly what: string; readonly value: string }
  | { readonly code: "bad-prefix"; readonly what: string; readonly value: string; readonly family: "IPv4" | "IPv6" }
  | { readonly code: "bad-address"; readonly what: string; readonly value: string; readonly family: "IPv4" | "IPv6" }
  | { readonly code: "bad-mac"; readonly what: string; readonly value: string }
  | {
      readonly code: "bad-number";
      readonly what: string;
      readonly value: number;
      readonly lowest: number;
      readonly highest: number;
    }
  | { readonly code: "bad-sysctl"; readonly what: string; readonly value: string }
  | { readonly code: "unknown-network"; readonly what: string; readonly value: string }
  /** An IPv6 address on a network that has only IPv4. */
  | { readonly code: "no-ipv6"; readonly what: string; readonly value: string; readonly network: string }
  | { readonly code: "unreachable"; readonly what: string; readonly value: string; readonly subnet: string }
  | { readonly code: "duplicate"; readonly what: string; readonly value: string; readonly other: string };

export function describeProblem(problem: WantedProblem): string {
  const { what, value } = problem;
  switch (problem.code) {
    case "bad-name":
      return `${what}: "${value}" is not a usable name`;
    case "bad-prefix":
      return `${what}: "${value}" is not ${AN_ADDRESS[problem.family]} with a prefix length`;
    case "bad-address":
      return `${what}: "${value}" is not ${AN_ADDRESS[problem.family]}`;
    case "bad-mac":
      return `${what}: "${value}" is not a unicast MAC address`;
    case "bad-number":
      return `${what}: ${value} is not between ${problem.lowest} and ${problem.highest}`;
    case "bad-sysctl":
      return `${what}: "${value}" is not a path below net/`;
    case "unknown-network":
      return `${what}: there is no network "${value}"`;
    case "no-ipv6":
      return `${what}: ${value}, but network ${problem.network} has no IPv6 subnet`;
    case "unreachable":
      return `${what}: ${value} is outside ${problem.subnet}`;
    case "duplicate":
      return `${what}: ${value} is already that of ${problem.other}`;
  }
}

const AN_ADDRESS = {
  IPv4: "an IPv4 address",
  IPv6: "an IPv6 address of a subnet, written as RFC 5952 says,",
} as const;

/** A wanted state that contradicts itself. Nothing of it was applied. */
export class InvalidWantedError extends Error {
  override readonly name = "InvalidWantedError";

  constructor(readonly problems: readonly WantedProblem[]) {
    super(`the wanted state cannot be: ${problems.map(describeProblem).join("; ")}`);
  }
}
