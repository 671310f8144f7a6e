/**
 * How many nodes may be declared lost. Where more than half of a cluster falls silent at once it is likelier that the manager is cut off
 * than that they all died: to move their tasks onto the rest would break what works. Pure: times come in, answers go out.
 */

/** How long losses count as having happened at once, in milliseconds. */
export const LOSS_WINDOW_MS = 300_000;
/** The share of the cluster's nodes that may be lost at once. */
const MAX_SHARE = 0.5;
/** So many may be lost in any case: a cluster of three with one node left is no partition that anybody could tell. */
const ALWAYS_ALLOWED = 2;

export interface LossCounts {
  /** Nodes that were there at the beginning of the window: those that are heard of, those that are silent, and those lost in it. */
  readonly nodes: number;
  /** Nodes that were declared lost within the window, and have not come back. */
  readonly lost: number;
}

/** How many nodes of so many may be lost within one window. */
export function maxLosses(nodes: number): number {
  return Math.max(ALWAYS_ALLOWED, Math.floor(nodes * MAX_SHARE));
}

/** Whether one more node may be declared lost now. */
export function mayDeclareDown({ nodes, lost }: LossCounts): boolean {
  return lost < maxLosses(nodes);
}

export interface KnownNode {
  readonly id: string;
  readonly isDown: boolean;
  /** When it was declared lost, ms since 1970; of a node that is not, of no meaning. */
  readonly downSinceMs: number;
}

/** Nodes that were lost before the window began are no part of the question: they may be away for weeks. */
export function countLosses(nodes: Iterable<KnownNode>, nowMs: number): LossCounts {
  let there = 0;
  let lost = 0;
  for (const { isDown, downSinceMs } of nodes) {
    if (!isDown) there++;
    else if (downSinceMs > nowMs - LOSS_WINDOW_MS) lost++;
  }
  return { nodes: there + lost, lost };
}

/** When to ask again after a no: when the oldest loss of the window has left it, ms since 1970. */
export function askAgainMs(nodes: Iterable<KnownNode>, nowMs: number): number {
  let oldest = nowMs;
  for (const { isDown, downSinceMs } of nodes) {
    if (isDown && downSinceMs > nowMs - LOSS_WINDOW_MS) oldest = Math.min(oldest, downSinceMs);
  }
  return oldest + LOSS_WINDOW_MS;
}
