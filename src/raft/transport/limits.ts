import type { Clock } from "../node/clock.js";

export type TransportClock = Pick<Clock, "now" | "after">;

/** What one member's transport holds, and how long it waits. */
export interface TransportLimits {
  /** Messages to one peer that wait for the stream; more are dropped. */
  readonly queueMessages: number;
  readonly queueBytes: number;
  /** Heartbeats, votes and the like go ahead of all others, and are counted apart: a peer that lags still hears them. */
  readonly urgentMessages: number;
  /** One batch on the stream; a single message may be larger. What is urgent waits for one batch at most. */
  readonly batchBytes: number;
  /** Until the peer has greeted. */
  readonly connectTimeoutMs: number;
  /** Without a receipt for so long while batches are out, the connection is taken for dead. */
  readonly receiptTimeoutMs: number;
  /** Pauses between tries, doubling. */
  readonly firstPauseMs: number;
  readonly lastPauseMs: number;
  /** A peer is reported as unreachable at most once in this time. */
  readonly reportIntervalMs: number;
  /** One of SwarmKit's unary calls. */
  readonly callTimeoutMs: number;
  /** How long what is queued for a removed peer, or at the end, may take. */
  readonly drainMs: number;
  /** Snapshots under way at the same time, over all peers. */
  readonly snapshots: number;
  /** A snapshot of which nothing moves for so long has failed; also the time that the receiver has to store the last of it. */
  readonly snapshotStallMs: number;
}

const KIB = 1 << 10;
const MIB = 1 << 20;

export const DEFAULT_LIMITS: TransportLimits = {
  queueMessages: 4096,
  queueBytes: 64 * MIB,
  urgentMessages: 1024,
  batchBytes: 256 * KIB,
  connectTimeoutMs: 2000,
  receiptTimeoutMs: 2000,
  firstPauseMs: 50,
  lastPauseMs: 1000,
  reportIntervalMs: 100,
  callTimeoutMs: 2000,
  drainMs: 1000,
  snapshots: 2,
  snapshotStallMs: 30_000,
};

/** Larger ones are refused by whoever receives them. */
export const MAX_BATCH_BYTES = 8 * MIB;
export const MAX_CHUNK_BYTES = 4 * MIB;
/** Parts of a snapshot are put together, or apart, to this size; a receiver holds some sixteen of them. */
export const SNAPSHOT_PIECE_BYTES = 256 * KIB;
/** How often a receiver says how many batches it has. */
export const RECEIPT_INTERVAL_MS = 250;
