/**
 * One run: managers and nodes, a plan of what is done to them, what must be true all along (ledger.ts, node-rules.ts, and the rules of the
 * log itself); then the trouble ends, and all that is asked for must run; then all is removed, and nothing must be left.
 */
import { CALM } from "../simulation/network.js";
import type { Breach } from "../simulation/rules.js";
import { describeClusterAction } from "./cluster-actions.js";
import { act } from "./cluster-faults.js";
import type { ClusterPlan } from "./cluster-plan.js";
import { ClusterWorld, EPOCH_MS } from "./cluster-world.js";
import { askForPeace, removeAll, whatIsLeft, whatIsMissing } from "./peace.js";
import { type PlantedInCluster, SOUND_CLUSTER } from "./planted.js";
import { Swarm } from "./swarm.js";
import { virtualTimers } from "./whose-turn.js";

export interface ClusterOutcome {
  readonly seed: number;
  readonly breach: Breach | undefined;
  /** Equal for runs that went alike in everything. */
  readonly hash: string;
  readonly trace: readonly string[];
  readonly events: number;
  readonly simulatedMs: number;
  readonly entries: number;
  readonly terms: number;
  /** Tasks that began to run on some node. */
  readonly starts: number;
  /** From the end of the trouble until all that is asked for runs. */
  readonly healedInMs: number;
  /** From the removal of everything until nothing is left. */
  readonly emptiedInMs: number;
}

const FOUNDING_MS = 60_000;
const LOOK_MS = 500;

/** Not two at once in one process. */
export async function simulateCluster(
  plan: ClusterPlan,
  planted: PlantedInCluster = SOUND_CLUSTER,
): Promise<ClusterOutcome> {
  const world = new ClusterWorld(plan, planted);
  const { rules, trace, time } = world;
  const giveBack = virtualTimers(world.turns, EPOCH_MS, (text) => rules.broken("time is injected", text));
  let took = { healedInMs: 0, emptiedInMs: 0 };
  try {
    took = await run(world, plan);
  } catch (error) {
    rules.broken("nothing is thrown", (error as Error).stack ?? String(error));
  } finally {
    giveBack();
  }
  return {
    seed: plan.seed,
    breach: rules.breach,
    hash: trace.hash,
    trace: trace.lines,
    events: time.events,
    simulatedMs: time.now,
    entries: rules.highest,
    terms: rules.terms,
    starts: world.nodeRules.starts,
    ...took,
  };
}

async function run(world: ClusterWorld, plan: ClusterPlan) {
  const { time, rules, trace, network } = world;
  const took = { healedInMs: 0, emptiedInMs: 0 };
  // From here on all that happens happens in events, each with its microtasks.
  await undefined;
  const swarm = new Swarm(world, plan);
  const isFounded = await until(world, FOUNDING_MS, () => (isWhole(swarm) ? [] : ["it is not whole"]));
  if (rules.breach) return took;
  if (isFounded.length > 0) {
    rules.broken("a cluster can be founded", `not within ${FOUNDING_MS} ms: ${tellState(swarm)}`);
    return took;
  }
  trace.note("story", `${plan.managers} managers, ${plan.agents} more nodes; trouble begins`);
  const begin = time.now;
  for (const action of plan.actions) {
    time.after(action.at, () => {
      trace.note("fault", describeClusterAction(action));
      act(world, swarm, action);
    });
  }
  await time.run(begin + plan.endsAt, () => rules.breach !== undefined);
  if (rules.breach) return took;

  trace.note("story", "trouble ends");
  network.mend();
  network.weather = CALM;
  swarm.heal();
  const healed = time.now;
  const isAsked = askForPeace(world, swarm);
  const { patienceMs } = plan;
  const missing = await until(world, patienceMs, () =>
    isWhole(swarm) ? [...isAsked(), ...whatIsMissing(world, swarm)] : [tellState(swarm)],
  );
  if (rules.breach) return took;
  if (missing.length > 0) {
    rules.broken("what is asked for runs", `not ${patienceMs / 1000} s after the trouble: ${some(missing)}`);
    return took;
  }
  took.healedInMs = time.now - healed;
  trace.note("story", `all runs after ${Math.round(took.healedInMs)} ms; all is removed`);
  const removed = time.now;
  const isRemoved = removeAll(world, swarm);
  const left = await until(world, patienceMs / 2, () => [...isRemoved(), ...whatIsLeft(world, swarm)]);
  if (rules.breach) return took;
  took.emptiedInMs = time.now - removed;
  if (left.length > 0) rules.broken("nothing is left", `${patienceMs / 2000} s after all was removed: ${some(left)}`);
  else checkStores(world, swarm);
  return took;
}

/** @param missing asked every now and then @returns what is missing in the end, or nothing as soon as that is so */
async function until(world: ClusterWorld, forMs: number, missing: () => readonly string[]): Promise<readonly string[]> {
  const { time, rules } = world;
  let last: readonly string[] = ["nothing was looked at"];
  let isOver = false;
  let told = "";
  const look = () => {
    if (isOver) return;
    last = missing();
    const [first = ""] = last;
    if (first !== told) world.trace.note("story", `still: ${first}`);
    told = first;
    time.after(LOOK_MS, look);
  };
  look();
  await time.run(time.now + forMs, () => rules.breach !== undefined || last.length === 0);
  isOver = true;
  return last;
}

function isWhole(swarm: Swarm): boolean {
  return swarm.isSettled() && swarm.leader() !== undefined && swarm.nodes.every(({ isRegistered }) => isRegistered);
}

/** Managers that have applied the same hold the same. */
function checkStores(world: ClusterWorld, swarm: Swarm): void {
  for (const { name, machine } of swarm.managers()) {
    if (!machine.isConsistent()) world.rules.broken("events tell what the store holds", `${name}: they do not`);
    world.rules.state(name, machine.applied, machine.wholeHash());
  }
}

function some(texts: readonly string[]): string {
  const more = texts.length > 6 ? ` and ${texts.length - 6} more` : "";
  return `${texts.slice(0, 6).join("; ")}${more}`;
}

function tellState(swarm: Swarm): string {
  const managers = swarm.hosts.map(({ name, state, isLeaving, manager }) => {
    const { leadership } = manager?.raft ?? {};
    const role = leadership ? ` ${leadership.role} of ${leadership.leader} in ${leadership.term}` : "";
    return `${name} ${state}${isLeaving ? ", to be removed" : ""}${role}`;
  });
  const away = swarm.nodes
    .filter(({ isRegistered }) => !isRegistered)
    .map(({ name, isUp }) => `${name}${isUp ? "" : " is off"}`);
  return `${managers.join("; ")}; without a session: ${away.join(", ") || "nobody"}`;
}
