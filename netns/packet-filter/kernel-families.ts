import { existsSync } from "node:fs";
import type { PacketRules, RuleDrift } from "./rules.js";

/** Whether the kernel knows IPv6 at all; its use may still be switched off in the thread's namespace. */
export function kernelHasIpv6(): boolean {
  return existsSync("/proc/thread-self/net/if_inet6");
}

/**
 * A kernel without IPv6 has no packets that a rule for ip6 could meet, and often no tables to write it to.
 * @returns the rules that can meet packets, and the others as present
 */
export function splitByKernel(
  rules: PacketRules,
  hasIpv6 = kernelHasIpv6(),
): { readonly effective: PacketRules; readonly moot: readonly RuleDrift[] } {
  if (hasIpv6) return { effective: rules, moot: [] };
  return {
    effective: rules.filter(({ family }) => family !== "ip6"),
    moot: rules
      .filter(({ family }) => family === "ip6")
      .map(({ key }) => ({ key, state: "present", found: "this kernel has no IPv6" })),
  };
}
