/** What a kernel can do is found by trying it, in a scratch namespace that goes when the probe ends. */
import { inNewNetworkNamespace } from "../thread-namespace.js";

export interface FeatureProbe {
  /** Stable, for flags and for the texts of skipped tests. */
  readonly name: string;
  /** The first mainline kernel that has it, when it is configured: "3.7". */
  readonly minimumKernel: string;
  /** What it is and what it is needed for, in one line. */
  readonly describe: string;
  /** Tries it. Never throws: what stands in the way is the reason. */
  probe(): ProbeResult;
}

export interface ProbeResult {
  readonly available: boolean;
  /** What was tried, and what the kernel answered when it is not available. */
  readonly reason: string;
}

/** A probe that does its trying in a namespace of its own. @param attempt throws when the feature is missing; returns what was done */
export function scratchProbe(
  name: string,
  minimumKernel: string,
  describe: string,
  attempt: () => string,
): FeatureProbe {
  return {
    name,
    minimumKernel,
    describe,
    probe() {
      try {
        return { available: true, reason: inNewNetworkNamespace(attempt) };
      } catch (error) {
        return { available: false, reason: (error as Error).message };
      }
    },
  };
}
