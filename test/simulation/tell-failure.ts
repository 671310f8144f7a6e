/** What a person is told of a seed that fails: the shortest story that fails in the same way, and how it ends. */
import { type Shrunk, shrink } from "./shrink.js";

interface Action {
  readonly kind: string;
  /** Milliseconds since the beginning. */
  readonly at: number;
}

interface FailingPlan<A extends Action> {
  readonly seed: number;
  readonly actions: readonly A[];
}

interface Run {
  readonly breach?: { readonly rule: string; readonly text: string } | undefined;
  readonly trace: readonly string[];
  readonly hash: string;
}

export interface FailureTelling<A extends Action, P extends FailingPlan<A>, R extends Run> {
  readonly plan: P;
  /** How it went; with a breach. */
  readonly first: R;
  /** The command that runs the seed again. */
  readonly replay: string;
  readonly run: (plan: P) => Promise<R>;
  readonly describe: (action: A) => string;
  /** Lines on the plan itself. */
  readonly about?: readonly string[];
  /** 0 leaves nothing out. */
  readonly maxShrinkRuns: number;
  /** Lines of the story's end. */
  readonly maxLines: number;
}

export async function tellFailure<A extends Action, P extends FailingPlan<A>, R extends Run>(
  telling: FailureTelling<A, P, R>,
): Promise<string> {
  const { plan, first, replay, run, describe, about = [], maxShrinkRuns, maxLines } = telling;
  let last = first;
  const fails = async (shorter: P) => {
    const outcome = await run(shorter);
    if (outcome.breach?.rule !== first.breach!.rule) return false;
    last = outcome;
    return true;
  };
  const { plan: shortest, runs }: Shrunk<P> =
    maxShrinkRuns === 0 ? { plan, runs: 0 } : await shrink<A, P>(plan, fails, maxShrinkRuns);
  const { breach, trace, hash } = last;
  return [
    `seed ${plan.seed} fails: ${first.breach!.rule}: ${first.breach!.text}`,
    ...about,
    `  again: ${replay}`,
    `  trace ${first.hash}`,
    "",
    `Of ${plan.actions.length} actions ${shortest.actions.length} are left (${runs} runs, trace ${hash}):`,
    ...shortest.actions.map((action) => `  ${(action.at / 1000).toFixed(3).padStart(8)} s  ${describe(action)}`),
    "",
    `What happens then (the last ${Math.min(maxLines, trace.length)} lines of ${trace.length}):`,
    ...trace.slice(-maxLines),
    "",
    `${breach!.rule}: ${breach!.text}`,
    "",
  ].join("\n");
}
