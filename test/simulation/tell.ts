/** A seed for a person: how it went, and when it went wrong the shortest story that goes wrong in the same way. */
import { describeAction } from "./actions.js";
import { DEFAULT_OPTIONS, type Plan, planOf } from "./plan.js";
import { type Planted, SOUND } from "./planted.js";
import { shrink } from "./shrink.js";
import { type Outcome, simulate } from "./simulate.js";

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
  return { outcome, text: await tellFailure(plan, outcome, replay, planted) };
}

async function tellFailure(plan: Plan, first: Outcome, replay: string, planted: Planted): Promise<string> {
  let last = first;
  const fails = async (shorter: Plan) => {
    const outcome = await simulate(shorter, planted);
    if (outcome.breach?.rule !== first.breach!.rule) return false;
    last = outcome;
    return true;
  };
  const { plan: shortest, runs } = await shrink(plan, fails, MAX_SHRINK_RUNS);
  const { breach, trace, hash } = last;
  return [
    `seed ${plan.seed} fails: ${first.breach!.rule}: ${first.breach!.text}`,
    `  again: ${replay}`,
    `  trace ${first.hash}`,
    "",
    `Of ${plan.actions.length} actions ${shortest.actions.length} are needed (${runs} runs, trace ${hash}):`,
    ...shortest.actions.map((action) => `  ${(action.at / 1000).toFixed(3).padStart(8)} s  ${describeAction(action)}`),
    "",
    `What happens then (the last ${Math.min(MAX_LINES, trace.length)} lines of ${trace.length}):`,
    ...trace.slice(-MAX_LINES),
    "",
    `${breach!.rule}: ${breach!.text}`,
    "",
  ].join("\n");
}

function tellWell({ seed, trace, hash, events, simulatedMs, entries, terms, requests }: Outcome): string {
  return [
    ...trace,
    `seed ${seed} is well: ${events} events in ${(simulatedMs / 1000).toFixed(1)} s, ${entries} entries, ${terms} terms, requests ${JSON.stringify(requests)}, trace ${hash}`,
  ].join("\n");
}
