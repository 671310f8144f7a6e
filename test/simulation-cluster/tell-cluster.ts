/** A seed for a person: how it went, and when it went wrong a shorter story that goes wrong in the same way. */
import { tellFailure } from "../simulation/tell-failure.js";
import { type ClusterAction, describeClusterAction } from "./cluster-actions.js";
import { type ClusterPlan, clusterPlanOf, DEFAULT_CLUSTER } from "./cluster-plan.js";
import { type PlantedInCluster, SOUND_CLUSTER } from "./planted.js";
import { type ClusterOutcome, simulateCluster } from "./simulate-cluster.js";

export interface TellClusterOptions {
  readonly members?: number | undefined;
  /** Nodes besides those of the managers. */
  readonly agents?: number | undefined;
  /** Faults. */
  readonly steps?: number | undefined;
  /** Also a story that ends well. */
  readonly isTold?: boolean;
  /** Leaves nothing out of a story that does not end well. */
  readonly isWhole?: boolean;
}

/** A run takes seconds: what is short enough to be read is short enough. */
const MAX_SHRINK_RUNS = 40;
/** Lines of a story's end. */
const MAX_LINES = 150;

export async function simulateClusterAndTell(
  seed: number,
  options: TellClusterOptions,
  replay: string,
  planted: PlantedInCluster = SOUND_CLUSTER,
): Promise<{ readonly outcome: ClusterOutcome; readonly text: string }> {
  const faults = options.steps ?? DEFAULT_CLUSTER.faults;
  const requests = Math.ceil((DEFAULT_CLUSTER.requests * faults) / DEFAULT_CLUSTER.faults);
  const plan = clusterPlanOf(seed, { members: options.members, agents: options.agents, faults, requests });
  const outcome = await simulateCluster(plan, planted);
  if (!outcome.breach) return { outcome, text: options.isTold ? tellWell(plan, outcome) : "" };
  const text = await tellFailure<ClusterAction, ClusterPlan, ClusterOutcome>({
    plan,
    first: outcome,
    replay,
    run: (shorter) => simulateCluster(shorter, planted),
    describe: describeClusterAction,
    about: [`  ${plan.managers} managers, ${plan.agents} more nodes`],
    maxShrinkRuns: options.isWhole ? 0 : MAX_SHRINK_RUNS,
    maxLines: MAX_LINES,
  });
  return { outcome, text };
}

function tellWell(plan: ClusterPlan, outcome: ClusterOutcome): string {
  const { seed, trace, hash, events, simulatedMs, entries, terms, starts, healedInMs, emptiedInMs } = outcome;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return [
    ...trace,
    `seed ${seed} is well: ${plan.managers} managers, ${plan.agents} more nodes, ${events} events in ${seconds(simulatedMs)}, ${entries} entries, ${terms} terms, ${starts} tasks began; healed in ${seconds(healedInMs)}, emptied in ${seconds(emptiedInMs)}; trace ${hash}`,
  ].join("\n");
}
