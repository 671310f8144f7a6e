/** Makes a seed's plan: how many managers there are, and what is done to them when. */

import { MessageType } from "../../src/api/generated/raftpb/raft.js";
import type { RaftSettings } from "../../src/raft/node/settings.js";
import type { Action, ClientAction, Fault } from "./actions.js";
import { SeededRandom } from "./random.js";

export interface Plan {
  readonly seed: number;
  readonly members: number;
  readonly settings: Partial<RaftSettings>;
  /** Chance is that of a coin in elections: many begin at the same time. */
  readonly hasTies: boolean;
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
  /** Faults of these kinds alone. */
  readonly kinds?: readonly Fault["kind"][];
}

export const DEFAULT_OPTIONS: PlanOptions = { faults: 60, requests: 220 };

/** Mean time between faults; the cluster gets up between some of them. */
const FAULT_INTERVAL_MS = 180;
/** Before the first fault: somebody should lead by then. */
const QUIET_START_MS = 800;
const CLIENTS = 6;
export const KEYS = 5;

interface Maker {
  readonly kind: Fault["kind"];
  readonly weight: number;
  readonly make: (random: SeededRandom) => Fault;
}

const host = (random: SeededRandom) => random.int(100);
const short = (random: SeededRandom) => random.between(20, 300);
/** From blinks to several elections. */
const span = (random: SeededRandom) => (random.chance(0.6) ? random.between(20, 300) : random.between(300, 2000));

const blinkOrSpan = (random: SeededRandom) => (random.chance(0.5) ? random.between(0.5, 20) : span(random));
const PROMISES = [
  MessageType.MsgVoteResp,
  MessageType.MsgVoteResp,
  MessageType.MsgVote,
  MessageType.MsgAppResp,
  MessageType.MsgApp,
  MessageType.MsgSnap,
  MessageType.MsgTimeoutNow,
  MessageType.MsgReadIndexResp,
];

const MAKERS: readonly Maker[] = [
  {
    kind: "crash",
    weight: 4,
    make: (r) => ({ kind: "crash", host: host(r), power: r.chance(0.6), downMs: blinkOrSpan(r) }),
  },
  {
    kind: "crash-in-write",
    weight: 6,
    make: (r) => ({
      kind: "crash-in-write",
      host: host(r),
      operations: r.int(r.chance(0.5) ? 6 : 60),
      downMs: span(r),
    }),
  },
  {
    kind: "crash-on-message",
    weight: 6,
    make: (r) => ({ kind: "crash-on-message", host: host(r), message: r.pick(PROMISES), downMs: blinkOrSpan(r) }),
  },
  {
    kind: "contest",
    weight: 2,
    make: (r) => ({
      kind: "contest",
      downMs: span(r),
      blinkMs: r.between(0.5, 10),
      maxDelayMs: r.between(5, 80),
    }),
  },
  { kind: "blackout", weight: 2, make: (r) => ({ kind: "blackout", sides: sides(r), downMs: blinkOrSpan(r) }) },
  { kind: "corrupt", weight: 1, make: (r) => ({ kind: "corrupt", host: host(r), where: r.next(), downMs: short(r) }) },
  { kind: "partition", weight: 4, make: (r) => ({ kind: "partition", sides: sides(r), forMs: span(r) }) },
  { kind: "cut", weight: 3, make: (r) => ({ kind: "cut", from: host(r), to: host(r), forMs: span(r) }) },
  {
    kind: "deafen",
    weight: 2,
    make: (r) => ({ kind: "deafen", host: host(r), direction: r.chance(0.5) ? "in" : "out", forMs: span(r) }),
  },
  { kind: "weather", weight: 4, make: (r) => ({ kind: "weather", weather: weather(r), forMs: span(r) }) },
  {
    kind: "slow-disk",
    weight: 3,
    make: (r) => ({ kind: "slow-disk", host: host(r), syncMs: r.between(5, 120), forMs: span(r) }),
  },
  { kind: "pause", weight: 3, make: (r) => ({ kind: "pause", host: host(r), forMs: span(r) }) },
  {
    kind: "clock-jump",
    weight: 2,
    make: (r) => ({ kind: "clock-jump", host: host(r), byMs: (r.chance(0.5) ? -1 : 1) * 10 ** r.between(1, 7) }),
  },
  { kind: "clock-rate", weight: 2, make: (r) => ({ kind: "clock-rate", host: host(r), rate: r.between(0.8, 1.25) }) },
  { kind: "join", weight: 2, make: () => ({ kind: "join" }) },
  { kind: "remove", weight: 2, make: (r) => ({ kind: "remove", host: host(r) }) },
  { kind: "replace", weight: 1, make: (r) => ({ kind: "replace", host: host(r) }) },
  { kind: "transfer", weight: 3, make: (r) => ({ kind: "transfer", to: host(r) }) },
  { kind: "snapshot", weight: 2, make: (r) => ({ kind: "snapshot", host: host(r) }) },
  { kind: "stop", weight: 2, make: (r) => ({ kind: "stop", host: host(r), downMs: span(r) }) },
  { kind: "rotate-key", weight: 1, make: (r) => ({ kind: "rotate-key", host: host(r) }) },
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
  const { kinds } = options;
  const kept = MAKERS.filter(({ kind }) => random.chance(kinds ? 1 : 0.6) && (kinds?.includes(kind) ?? true));
  const settings = settingsOf(random);
  // A joiner that votes at once and dies before it knows who it is, and a damaged log: together they may be more than a minority.
  const sound = kept.filter(({ kind }) => kind !== "corrupt" || settings.learnersFirst);
  const makers = sound.length > 0 ? sound : [...kept, MAKERS[0]!];
  const choices = makers.map((maker) => [maker.weight, maker] as const);
  const spanMs = options.faults * FAULT_INTERVAL_MS;
  const moment = () => QUIET_START_MS + random.next() * spanMs;
  const actions: Action[] = [];
  for (let n = 0; n < options.faults; n++) actions.push({ at: moment(), ...random.weighted(choices).make(random) });
  for (let n = 0; n < options.requests; n++) {
    actions.push({
      at: QUIET_START_MS / 2 + random.next() * (spanMs + QUIET_START_MS / 2),
      kind: "client",
      client: random.int(CLIENTS),
      ask: random.weighted(REQUESTS),
      host: host(random),
      viaLeader: random.chance(0.85),
      key: random.int(KEYS),
      barrier: random.chance(0.5),
    });
  }
  actions.sort((a, b) => a.at - b.at);
  return { seed, members, settings, hasTies: random.chance(0.4), actions, endsAt: QUIET_START_MS + spanMs };
}

/** Small numbers, so that every limit is met. */
function settingsOf(random: SeededRandom): Partial<RaftSettings> {
  return {
    tickMs: 30,
    electionTicks: random.pick([3, 5, 10]),
    heartbeatTicks: random.pick([1, 1, 2]),
    maxMessageBytes: random.pick([1, 600, 4096]),
    maxInflightMessages: random.pick([1, 4, 64]),
    maxInflightBytes: random.pick([1000, 1 << 20]),
    maxUncommittedBytes: random.pick([2000, 1 << 20]),
    maxCommittedBytesPerReady: random.pick([1, 1000, 1 << 20]),
    preVote: random.chance(0.6),
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
