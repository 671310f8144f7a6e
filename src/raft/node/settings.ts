import type { RaftConfig } from "../core/config.js";

/** How one member behaves. All members should have the same times. */
export interface RaftSettings extends Omit<RaftConfig, "id" | "random"> {
  /** The unit of all times. Can be changed while it runs: SwarmKit's managers want 1,000. */
  readonly tickMs: number;
  /** A snapshot is made after so many entries … */
  readonly snapshotEntries: number;
  /** … or so many bytes of entries. */
  readonly snapshotBytes: number;
  /** Entries that stay after a snapshot, so that a slow follower needs none. */
  readonly keepEntries: number;
  /** A follower that is catching up keeps up to so many entries … */
  readonly keepEntriesForFollowers: number;
  /** … and no rule keeps more than so many bytes. */
  readonly keepBytes: number;
  /** Old snapshots that stay beside the newest. */
  readonly keepSnapshots: number;
  /** A new member takes part in decisions only once it has caught up. SwarmKit's managers do not know such members. */
  readonly learnersFirst: boolean;
  /** Ticks after which a read that could not be made linearizable fails. */
  readonly readTimeoutTicks: number;
  /** Without any progress for so long a leader hands over, not again before twice that time. In ticks of tickMs as it is here, also when that is changed later. */
  readonly wedgeTicks: number;
  /** A joiner must answer within this time. */
  readonly probeTimeoutMs: number;
  /** Proposals that wait to be applied, in number. */
  readonly maxPendingProposals: number;
  /** Entries are applied for so long, then all else has its turn. */
  readonly sliceMs: number;
}

const MIB = 1 << 20;

export const DEFAULT_SETTINGS: RaftSettings = {
  tickMs: 100,
  electionTicks: 10,
  heartbeatTicks: 1,
  maxMessageBytes: MIB / 2,
  maxInflightMessages: 256,
  maxInflightBytes: 32 * MIB,
  maxUncommittedBytes: 64 * MIB,
  maxEntryBytes: 1.5 * MIB,
  maxCommittedBytesPerReady: 4 * MIB,
  preVote: true,
  checkQuorum: true,
  readOnly: "safe",
  lazyCommit: true,
  snapshotEntries: 10_000,
  snapshotBytes: 64 * MIB,
  keepEntries: 500,
  keepEntriesForFollowers: 5000,
  keepBytes: 32 * MIB,
  keepSnapshots: 0,
  learnersFirst: true,
  readTimeoutTicks: 50,
  wedgeTicks: 300,
  probeTimeoutMs: 5000,
  maxPendingProposals: 65_536,
  sliceMs: 3,
};
