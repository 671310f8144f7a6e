/** Snapshots as they are kept: the members first, then the state machine's parts. */
import { type ClusterSnapshot, Snapshot } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { Clock } from "./clock.js";
import { splitSnapshot } from "./snapshot-splitter.js";

export function encodeMembership(membership: ClusterSnapshot): Uint8Array {
  return Snapshot.encode({ version: 0, membership, store: undefined }).finish();
}

/**
 * Reads a stored snapshot: the state machine gets its parts, and lets others work in between.
 * @returns the members that it names
 */
export async function readBack(
  chunks: AsyncIterable<Uint8Array>,
  restore: (parts: AsyncIterable<Uint8Array>) => Promise<void>,
  clock: Clock,
  sliceMs: number,
): Promise<ClusterSnapshot> {
  const members: ClusterSnapshot["members"][number][] = [];
  const removed: string[] = [];
  const pace = new Pace(clock, sliceMs);
  async function* parts(): AsyncGenerator<Uint8Array> {
    for await (const piece of splitSnapshot(chunks)) {
      if (piece.kind === "membership") {
        members.push(...piece.membership.members);
        removed.push(...piece.membership.removed);
      } else {
        yield piece.bytes;
      }
      await pace.rest();
    }
  }
  const pieces = parts();
  await restore(pieces);
  // The members may stand behind all that the state machine wanted.
  for await (const _ of pieces);
  return { members, removed };
}

/** Work that goes on for long lets others work after each slice. */
export class Pace {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #until: number;

  constructor(clock: Clock, sliceMs: number) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#until = clock.now() + sliceMs;
  }

  /** Call it between two steps. */
  async rest(): Promise<void> {
    if (this.#clock.now() < this.#until) return;
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#until = this.#clock.now() + this.#sliceMs;
  }
}
