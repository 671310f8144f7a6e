/** Makes a seed's plan: how large the cluster is, and what is done to it when. */
import type { RaftSettings } from "../../src/raft/node/settings.js";
import type { Fault } from "../simulation/actions.js";
import { planOf } from "../simulation/plan.js";
import { SeededRandom } from "../simulation/random.js";
import { type ClusterAction, type NodeFault, PEOPLE_ACTS, type PeopleAction } from "./cluster-actions.js";

export interface ClusterPlan {
  readonly seed: number;
  readonly managers: number;
  /** Besides those of the managers. */
  readonly agents: number;
  readonly settings: Partial<RaftSettings>;
  readonly hasTies: boolean;
  readonly heartbeatMs: number;
  /** Length of the networks' prefixes: small ones, so that addresses run out. */
  readonly subnetBits: number;
  /** Share of agents that speak SwarmKit's calls. */
  readonly swarmkit: number;
  /** By time. */
  readonly actions: readonly ClusterAction[];
  /** When the trouble ends, ms. */
  readonly endsAt: number;
  /** So long all that is asked for may take afterwards, ms: lost nodes are found lost, failed tasks wait, updates have their delays. */
  readonly patienceMs: number;
}

export interface ClusterPlanOptions {
  /** 3 to 7; by the seed when undefined. */
  readonly members?: number | undefined;
  /** By the seed when undefined. */
  readonly agents?: number | undefined;
  /** What is done to managers and nodes. */
  readonly faults: number;
  /** What people ask for. */
  readonly requests: number;
  /** See {@link ClusterPlan}. */
  readonly patienceMs?: number;
}

export const DEFAULT_CLUSTER: ClusterPlanOptions = { faults: 30, requests: 48 };

/** Mean time between faults. */
const FAULT_INTERVAL_MS = 2000;
const QUIET_START_MS = 4000;
const PATIENCE_MS = 600_000;
/** The plan of managers' faults is made in the time of their own simulation. */
const RAFT_FAULT_INTERVAL_MS = 180;
const RAFT_QUIET_MS = 800;
const FULL = { managers: 7, agents: 50 };

const OF_MANAGERS: readonly Fault["kind"][] = [
  "crash",
  "crash-in-write",
  "crash-on-message",
  "contest",
  "blackout",
  "partition",
  "cut",
  "deafen",
  "weather",
  "slow-disk",
  "pause",
  "clock-jump",
  "clock-rate",
  "join",
  "remove",
  "replace",
  "transfer",
  "snapshot",
  "stop",
  "rotate-key",
];

interface Maker {
  readonly kind: NodeFault["kind"];
  readonly weight: number;
  readonly make: (random: SeededRandom) => NodeFault;
}

const node = (random: SeededRandom) => random.int(1000);
/** From blinks to what makes a node be declared lost. */
const span = (random: SeededRandom) => (random.chance(0.6) ? random.between(50, 3000) : random.between(3000, 40_000));

const MAKERS: readonly Maker[] = [
  {
    kind: "node-crash",
    weight: 6,
    make: (r) => ({ kind: "node-crash", node: node(r), power: r.chance(0.5), downMs: span(r) }),
  },
  {
    kind: "nodes-crash",
    weight: 2,
    make: (r) => ({ kind: "nodes-crash", sides: sides(r, 50, 0.3), power: r.chance(0.5), downMs: span(r) }),
  },
  {
    kind: "node-cut",
    weight: 5,
    make: (r) => ({
      kind: "node-cut",
      node: node(r),
      direction: r.pick(["in", "out", "both"] as const),
      forMs: span(r),
    }),
  },
  {
    kind: "split",
    weight: 4,
    make: (r) => ({ kind: "split", managers: sides(r, 7, 0.5), nodes: sides(r, 50, r.next()), forMs: span(r) }),
  },
  { kind: "node-pause", weight: 3, make: (r) => ({ kind: "node-pause", node: node(r), forMs: span(r) }) },
  {
    kind: "node-clock",
    weight: 2,
    make: (r) => ({ kind: "node-clock", node: node(r), byMs: (r.chance(0.5) ? -1 : 1) * 10 ** r.between(2, 7) }),
  },
  {
    kind: "node-clock-rate",
    weight: 1,
    make: (r) => ({ kind: "node-clock-rate", node: node(r), rate: r.between(0.9, 1.1) }),
  },
  {
    kind: "lose-assignments",
    weight: 4,
    make: (r) => ({ kind: "lose-assignments", node: node(r), messages: 1 + r.int(3) }),
  },
  {
    kind: "storm",
    weight: 3,
    make: (r) => ({ kind: "storm", sides: sides(r, 50, 0.8), times: 1 + r.int(5), everyMs: r.between(10, 3000) }),
  },
  { kind: "replace-node", weight: 2, make: (r) => ({ kind: "replace-node", node: node(r) }) },
];

const ACTS: readonly (readonly [weight: number, act: PeopleAction["act"]])[] = PEOPLE_ACTS.map((act) => [
  { "create-service": 8, "update-service": 6, scale: 5, "remove-service": 2, "create-network": 3, activate: 4 }[
    act as string
  ] ?? 1,
  act,
]);

export function clusterPlanOf(seed: number, options: ClusterPlanOptions = DEFAULT_CLUSTER): ClusterPlan {
  const random = new SeededRandom(seed, "cluster plan");
  // Every third is as large as it gets.
  const isFull = seed % 3 === 0;
  const managers = options.members ?? (isFull ? FULL.managers : 3 + random.int(5));
  const agents = options.agents ?? (isFull ? FULL.agents : random.pick([5, 10, 20, 35]));
  const spanMs = options.faults * FAULT_INTERVAL_MS;
  const moment = () => QUIET_START_MS + random.next() * spanMs;
  // Each seed leaves out some kinds: what is rare among many happens often where there are few.
  const ofManagers = OF_MANAGERS.filter(() => random.chance(0.6));
  const makers = MAKERS.filter(() => random.chance(0.6));
  const ofNodes = makers.length > 0 ? makers : MAKERS;
  const toManagers = Math.round(options.faults * random.between(0.2, 0.7));
  const raft = planOf(seed, { members: managers, faults: toManagers, requests: 0, kinds: ofManagers });
  const stretch = spanMs / Math.max(1, toManagers * RAFT_FAULT_INTERVAL_MS);
  const actions: ClusterAction[] = raft.actions.map(
    (action) =>
      ({
        ...slowly(action as ClusterAction),
        at: QUIET_START_MS + (action.at - RAFT_QUIET_MS) * stretch,
      }) as ClusterAction,
  );
  const choices = ofNodes.map((maker) => [maker.weight, maker] as const);
  for (let n = toManagers; n < options.faults; n++) {
    actions.push({ at: moment(), ...random.weighted(choices).make(random) });
  }
  for (let n = 0; n < options.requests; n++) {
    // Something to be disturbed is there first.
    const isEarly = n < options.requests / 6;
    actions.push({
      at: isEarly ? random.next() * QUIET_START_MS : moment(),
      kind: "people",
      act: isEarly
        ? random.pick(["create-service", "create-service", "create-network", "create-secret"] as const)
        : random.weighted(ACTS),
      pick: random.int(1000),
      seed: random.int(1e9),
      host: random.int(100),
    });
  }
  actions.sort((a, b) => a.at - b.at);
  return {
    seed,
    managers,
    agents,
    settings: settingsOf(raft.settings, random),
    hasTies: raft.hasTies,
    heartbeatMs: random.pick([1000, 2000, 5000]),
    subnetBits: random.pick([24, 25]),
    swarmkit: random.pick([0, 0.2, 1]),
    actions,
    endsAt: QUIET_START_MS + spanMs,
    patienceMs: options.patienceMs ?? PATIENCE_MS,
  };
}

/** What lasts for some time does so for longer: elections, sessions and updates take seconds here. */
function slowly(action: ClusterAction): ClusterAction {
  const longer = Object.fromEntries(
    Object.entries(action).map(([name, value]) => [name, name === "forMs" || name === "downMs" ? value * 6 : value]),
  );
  return longer as unknown as ClusterAction;
}

function settingsOf(raft: Partial<RaftSettings>, random: SeededRandom): Partial<RaftSettings> {
  return {
    ...raft,
    tickMs: 200,
    electionTicks: random.pick([4, 8]),
    maxMessageBytes: random.pick([4096, 1 << 20]),
    maxInflightBytes: 1 << 20,
    maxUncommittedBytes: random.pick([1 << 18, 1 << 26]),
    maxCommittedBytesPerReady: random.pick([4096, 1 << 20]),
    snapshotEntries: random.pick([50, 200, 1000]),
    keepEntries: random.pick([0, 20, 100]),
    keepEntriesForFollowers: random.pick([0, 100, 1000]),
  };
}

function sides(random: SeededRandom, count: number, ofA: number): string {
  return Array.from({ length: count }, () => (random.chance(ofA) ? "a" : "b")).join("");
}
