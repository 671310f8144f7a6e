/** A check of how safe this node stands: a value, so that it can be listed, run and told of in one way. */
import type { SecurityWorld } from "./world.js";

export type FindingState = "pass" | "warn" | "fail" | "unknown";

export interface Finding {
  readonly state: FindingState;
  /** What was looked at, and what was found. */
  readonly reason: string;
}

export interface SecurityProbe {
  readonly name: string;
  readonly describe: string;
  /** What a person does when it does not pass. */
  readonly remedy: string;
  /** @returns undefined when there is nothing here that it concerns */
  readonly probe: (world: SecurityWorld) => Promise<Finding | undefined>;
}

export interface SecurityResult extends Finding {
  readonly name: string;
  readonly describe: string;
  readonly remedy: string;
}

export const pass = (reason: string): Finding => ({ state: "pass", reason });
export const warn = (reason: string): Finding => ({ state: "warn", reason });
export const fail = (reason: string): Finding => ({ state: "fail", reason });
export const unknown = (reason: string): Finding => ({ state: "unknown", reason });

/** One after the other; a probe that fails itself says so, and the others go on. */
export async function runProbes(probes: readonly SecurityProbe[], world: SecurityWorld): Promise<SecurityResult[]> {
  const results: SecurityResult[] = [];
  for (const { name, describe, remedy, probe } of probes) {
    let finding: Finding | undefined;
    try {
      finding = await probe(world);
    } catch (error) {
      finding = unknown((error as Error).message);
    }
    if (finding) results.push({ name, describe, remedy, ...finding });
  }
  return results;
}
