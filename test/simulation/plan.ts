/** Makes a seed's plan: how many managers there are, and what is done to them when. */

import type { RaftSettings } from "../../src/raft/node/settings.js";
import type { Action, ClientAction, Fault } from "./actions.js";
import { SeededRandom } from "./random.js";

export interface Plan {
  readonly seed: number;
  readonly members: number;
  readonly settings: Partial<RaftSettings>;
  /** By time. */
  readonly actions: readonly Action[];
  /** When the trouble ends, ms. */
  readonly endsAt: number;
}

export interface PlanOptions {
  /** 3 to 7; by the seed when undefined. */
  readonly members?: number;
  /** Faults. */
  readonly faults: number;
  readonly requests: number;
}

export const DEFAULT_OPTIONS: PlanOptions = { faults: 80, requests: 300 };

/** Mean time between faults; the cluster gets up between some of them. */
const FAULT_INTERVAL_MS = 180;
/** Before the first fault: somebody should lead by then. */
const QUIET_START_MS = 800;
const CLIENTS = 6;
export const KEYS = 5;

type Maker = (random: SeededRandom) => Fault;

const host = (random: SeededRandom) => random.int(100);
const short = (random: SeededRandom) => random.between(20, 300);
/** From blinks to several elections. */
const span = (random: SeededRandom) => (random.chance(0.6) ? random.between(20, 300) : random.between(300, 2000));

const MAKERS: readonly (readonly [weight: number, make: Maker])[] = [
  [4, (r) => ({ kind: "crash", host: host(r), power: r.chance(0.6), downMs: span(r) })],
  [6, (r) => ({ kind: "crash-in-write", host: host(r), operations: r.int(r.chance(0.5) ? 6 : 60), downMs: span(r) })],
  [1, (r) => ({ kind: "corrupt", host: host(r), where: r.next(), downMs: short(r) })],
  [4, (r) => ({ kind: "partition", sides: sides(r), forMs: span(r) })],
  [3, (r) => ({ kind: "cut", from: host(r), to: host(r), forMs: span(r) })],
  [2, (r) => ({ kind: "deafen", host: host(r), direction: r.chance(0.5) ? "in" : "out", forMs: span(r) })],
  [4, (r) => ({ kind: "weather", weather: weather(r), forMs: span(r) })],
  [3, (r) => ({ kind: "slow-disk", host: host(r), syncMs: r.between(5, 120), forMs: span(r) })],
  [3, (r) => ({ kind: "pause", host: host(r), forMs: span(r) })],
  [2, (r) => ({ kind: "clock-jump", host: host(r), byMs: (r.chance(0.5) ? -1 : 1) * 10 ** r.between(1, 7) })],
  [2, (r) => ({ kind: "clock-rate", host: host(r), rate: r.between(0.8, 1.25) })],
  [2, () => ({ kind: "join" })],
  [2, (r) => ({ kind: "remove", host: host(r) })],
  [1, (r) => ({ kind: "replace", host: host(r) })],
  [3, (r) => ({ kind: "transfer", to: host(r) })],
  [2, (r) => ({ kind: "snapshot", host: host(r) })],
  [2, (r) => ({ kind: "stop", host: host(r), downMs: span(r) })],
  [1, (r) => ({ kind: "rotate-key", host: host(r) })],
];

const REQUESTS: readonly (readonly [weight: number, ask: ClientAction["ask"]])[] = [
  [5, "read"],
  [2, "stale-read"],
  [2, "create"],
  [5, "update"],
  [3, "swap"],
  [3, "update-seen"],
  [1, "remove"],
  [2, "pair"],
];

export function planOf(seed: number, options: PlanOptions = DEFAULT_OPTIONS): Plan {
  const random = new SeededRandom(seed, "plan");
  const members = options.members ?? 3 + random.int(5);
  // Each seed leaves out some kinds: what is rare among many happens often where there are few.
  const kept = MAKERS.filter(() => random.chance(0.6));
  const makers = kept.length > 0 ? kept : MAKERS;
  const spanMs = options.faults * FAULT_INTERVAL_MS;
  const moment = () => QUIET_START_MS + random.next() * spanMs;
  const actions: Action[] = [];
  for (let n = 0; n < options.faults; n++) actions.push({ at: moment(), ...random.weighted(makers)(random) });
  for (let n = 0; n < options.requests; n++) {
    actions.push({
      at: QUIET_START_MS / 2 + random.next() * (spanMs + QUIET_START_MS / 2),
      kind: "client",
      client: random.int(CLIENTS),
      ask: random.weighted(REQUESTS),
      host: host(random),
      viaLeader: random.chance(0.7),
      key: random.int(KEYS),
      barrier: random.chance(0.5),
    });
  }
  actions.sort((a, b) => a.at - b.at);
  return { seed, members, settings: settingsOf(random), actions, endsAt: QUIET_START_MS + spanMs };
}

/** Small numbers, so that every limit is met. */
function settingsOf(random: SeededRandom): Partial<RaftSettings> {
  return {
    tickMs: 30,
    electionTicks: 8 + random.int(5),
    heartbeatTicks: 1 + random.int(2),
    maxMessageBytes: random.pick([1, 600, 4096]),
    maxInflightMessages: random.pick([1, 4, 64]),
    maxInflightBytes: random.pick([1000, 1 << 20]),
    maxUncommittedBytes: random.pick([2000, 1 << 20]),
    maxCommittedBytesPerReady: random.pick([1, 1000, 1 << 20]),
    preVote: random.chance(0.8),
    snapshotEntries: random.pick([10, 40, 100]),
    keepEntries: random.pick([0, 5, 20]),
    keepEntriesForFollowers: random.pick([0, 20, 200]),
    keepSnapshots: random.int(2),
    learnersFirst: random.chance(0.7),
    readTimeoutTicks: 40,
    wedgeTicks: 100,
    probeTimeoutMs: 1000,
    sliceMs: 3,
  };
}

function sides(random: SeededRandom): string {
  const letters = random.chance(0.8) ? "ab" : "abc";
  return Array.from({ length: 7 }, () => letters[random.int(letters.length)]).join("");
}

function weather(random: SeededRandom) {
  return {
    loss: random.chance(0.6) ? random.between(0, 0.4) : 0,
    duplication: random.chance(0.6) ? random.between(0, 0.3) : 0,
    minDelayMs: random.between(0.1, 5),
    maxDelayMs: random.between(5, random.chance(0.7) ? 40 : 300),
    stragglers: random.chance(0.5) ? random.between(0, 0.1) : 0,
    stragglerMs: random.between(300, 2000),
  };
}
