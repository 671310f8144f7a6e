/** A seed for a person: how it went, and when it went wrong the shortest story that goes wrong in the same way. */
import { type Action, describeAction } from "./actions.js";
import { DEFAULT_OPTIONS, type Plan, planOf } from "./plan.js";
import { type Planted, SOUND } from "./planted.js";
import { type Outcome, simulate } from "./simulate.js";
import { tellFailure } from "./tell-failure.js";

export interface TellOptions {
  readonly members?: number;
  /** Faults. */
  readonly steps?: number;
  /** Also a story that ends well. */
  readonly isTold?: boolean;
}

const MAX_SHRINK_RUNS = 400;
/** Lines of a story's end. */
const MAX_LINES = 120;

export async function simulateAndTell(
  seed: number,
  options: TellOptions,
  replay: string,
  planted: Planted = SOUND,
): Promise<{ readonly outcome: Outcome; readonly text: string }> {
  const faults = options.steps ?? DEFAULT_OPTIONS.faults;
  const requests = Math.ceil((DEFAULT_OPTIONS.requests * faults) / DEFAULT_OPTIONS.faults);
  const plan = planOf(seed, { members: options.members, faults, requests });
  const outcome = await simulate(plan, planted);
  if (!outcome.breach) return { outcome, text: options.isTold ? tellWell(outcome) : "" };
  const text = await tellFailure<Action, Plan, Outcome>({
    plan,
    first: outcome,
    replay,
    run: (shorter) => simulate(shorter, planted),
    describe: describeAction,
    maxShrinkRuns: MAX_SHRINK_RUNS,
    maxLines: MAX_LINES,
  });
  return { outcome, text };
}

function tellWell({ seed, trace, hash, events, simulatedMs, entries, terms, requests }: Outcome): string {
  return [
    ...trace,
    `seed ${seed} is well: ${events} events in ${(simulatedMs / 1000).toFixed(1)} s, ${entries} entries, ${terms} terms, requests ${JSON.stringify(requests)}, trace ${hash}`,
  ].join("\n");
}
