/** One run: a cluster, a plan of what is done to it, what must be true all along, and progress in the end. */
import { checkLinearizable } from "../linearizability/check.js";
import { versionedObjectModel } from "../linearizability/versioned-object-model.js";
import type { Action } from "./actions.js";
import { describeAction } from "./actions.js";
import { Cluster } from "./cluster.js";
import { inflict } from "./faults.js";
import { CALM } from "./network.js";
import type { Plan } from "./plan.js";
import { type Planted, SOUND } from "./planted.js";
import { guardRealTime } from "./real-time.js";
import type { Breach } from "./rules.js";
import { World } from "./world.js";

export interface Outcome {
  readonly seed: number;
  readonly breach: Breach | undefined;
  /** Equal for runs that went alike in everything. */
  readonly hash: string;
  readonly trace: readonly string[];
  readonly events: number;
  readonly simulatedMs: number;
  readonly entries: number;
  readonly terms: number;
  readonly requests: {
    readonly answered: number;
    readonly refused: number;
    readonly nothing: number;
    readonly unknown: number;
  };
}

/** The cluster must be whole before the trouble begins. */
const FOUNDING_MS = 20_000;
/** After the trouble all must be well within this. */
const RECOVERY_MS = 40_000;
/** Then a write must get everywhere within this. */
const LAST_WRITE_MS = 10_000;
const LAST_KEY = "last";

/** Not two at once in one process. */
export async function simulate(plan: Plan, planted: Planted = SOUND): Promise<Outcome> {
  const world = new World(plan, planted);
  const giveBack = guardRealTime(world.time, (text) => world.rules.broken("time is injected", text));
  try {
    await run(world, plan);
  } finally {
    giveBack();
  }
  const { trace, rules, time, clients } = world;
  return {
    seed: plan.seed,
    breach: rules.breach,
    hash: trace.hash,
    trace: trace.lines,
    events: time.events,
    simulatedMs: time.now,
    entries: rules.highest,
    terms: rules.terms,
    requests: clients.outcomes,
  };
}

async function run(world: World, plan: Plan): Promise<void> {
  const { time, rules, trace, network } = world;
  const isOver = () => rules.breach !== undefined;
  // From here on all that happens happens in events, each with its microtasks.
  await undefined;
  const cluster = new Cluster(world, plan.members);
  const isFounded = await time.run(FOUNDING_MS, () => isOver() || cluster.isSettled());
  if (isOver()) return;
  if (!isFounded)
    return rules.broken("a cluster can be founded", `not within ${FOUNDING_MS} ms: ${tellState(cluster)}`);
  trace.note("story", `${plan.members} managers; trouble begins`);
  const begin = time.now;
  for (const action of plan.actions) time.after(action.at, () => act(cluster, action));
  await time.run(begin + plan.endsAt, isOver);
  if (isOver()) return;

  trace.note("story", "trouble ends");
  network.mend();
  network.weather = CALM;
  cluster.heal();
  const healed = time.now;
  const isWhole = await time.run(
    healed + RECOVERY_MS,
    () => isOver() || (cluster.isSettled() && cluster.leader() !== undefined),
  );
  if (isOver()) return;
  if (!isWhole) return rules.broken("progress", `${RECOVERY_MS} ms after the trouble: ${tellState(cluster)}`);
  await demandProgress(world, cluster);
  if (isOver()) return;
  checkEnd(world, cluster);
}

function act(cluster: Cluster, action: Action): void {
  if (action.kind !== "client") {
    cluster.trace.note("fault", describeAction(action));
    inflict(cluster, action);
    return;
  }
  const managers = cluster.managers();
  if (managers.length === 0) return;
  const asked = managers[action.host % managers.length]!;
  const known = action.viaLeader ? cluster.hostOf(asked.raft.leadership.leader)?.manager : undefined;
  const target = known ?? asked;
  target.process.host.perform(() => {
    if (target.process.isAlive) cluster.world.clients.perform(action, target);
  });
}

/** A new write, which every member then has. */
async function demandProgress({ time, rules, clients }: World, cluster: Cluster): Promise<void> {
  let isWritten = false;
  let isAsked = false;
  let last = "";
  const write = () => {
    const leader = cluster.leader();
    if (!leader || isAsked) return;
    isAsked = true;
    clients.put(leader, LAST_KEY).then(
      () => {
        isWritten = true;
      },
      (error: Error) => {
        last = error.message;
        time.after(100, () => {
          isAsked = false;
        });
      },
    );
  };
  const isEverywhere = () => {
    if (rules.breach) return true;
    if (!isWritten) write();
    return isWritten && cluster.managers().every(({ machine }) => machine.applied === rules.highest);
  };
  if (await time.run(time.now + LAST_WRITE_MS, isEverywhere)) return;
  rules.broken(
    "progress",
    `${isWritten ? "a write is not everywhere" : `no write got through (${last})`} after ${LAST_WRITE_MS} ms: ${tellState(cluster)}`,
  );
}

function checkEnd({ rules, clients }: World, cluster: Cluster): void {
  for (const { name, machine } of cluster.managers()) {
    if (!machine.isConsistent()) rules.broken("events tell what the store holds", `${name}: they do not`);
    rules.state(name, machine.applied, machine.wholeHash());
  }
  const verdict = checkLinearizable(versionedObjectModel, clients.history.operations());
  if (verdict.ok) return;
  if (verdict.kind === "violation") rules.broken("clients see one object", verdict.text);
  else rules.broken("histories can be checked", verdict.text);
}

function tellState(cluster: Cluster): string {
  return cluster.hosts
    .map(({ name, state, isLeaving, manager }) => {
      const raft = manager?.raft;
      const role = raft
        ? ` ${raft.id} ${raft.leadership.role} of ${raft.leadership.leader} in ${raft.leadership.term}, applied ${manager.machine.applied}`
        : "";
      return `${name} ${state}${isLeaving ? ", to be removed" : ""}${role}`;
    })
    .join("; ");
}
