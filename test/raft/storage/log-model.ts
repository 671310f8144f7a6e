/** What a log storage has to give back after a crash, whatever became of the disk. */
import type { Entry, HardState } from "../../../src/api/generated/raftpb/raft.js";
import type { StoredState } from "../../../src/raft/storage/log-storage.js";
import { shown } from "./log-contents.js";

/** The log after some of what was asked for. */
interface Point {
  /** Index → entry; none at or below {@link base}. */
  readonly entries: ReadonlyMap<number, string>;
  readonly lastIndex: number;
  readonly base: number;
  readonly hardState: HardState;
  readonly identity: string | undefined;
}

/**
 * Follows what is asked of a storage, in order, in the smallest steps that it may be cut into; and how far it was acknowledged.
 */
export class LogModel {
  readonly #points: Point[] = [
    { entries: new Map(), lastIndex: 0, base: 0, hardState: { term: 0, vote: "0", commit: 0 }, identity: undefined },
  ];
  #acknowledged = 0;
  /** The commit index that cannot be lost any more. */
  #safeCommit = 0;
  /** Snapshots that were committed, or about to be, with what is in them. */
  readonly #snapshots = new Map<number, string>();
  #neededSnapshot = 0;
  #keepFrom = 1;

  get #last(): Point {
    return this.#points.at(-1)!;
  }

  /** @returns acknowledges it */
  append(entries: readonly Entry[], hardState: HardState | undefined, mustSync: boolean): () => void {
    if (hardState) {
      const { commit } = this.#last.hardState;
      this.#push({ hardState: { ...hardState, commit } });
    }
    for (const entry of entries) {
      const kept = new Map([...this.#last.entries].filter(([index]) => index < entry.Index));
      kept.set(entry.Index, shown([entry])[0]!);
      this.#push({ entries: kept, lastIndex: entry.Index });
    }
    if (hardState) this.#push({ hardState });
    return this.#acknowledger(hardState && mustSync ? hardState.commit : 0);
  }

  setIdentity(identity: string): () => void {
    this.#push({ identity });
    return this.#acknowledger(0);
  }

  /** Written whole; or perhaps. */
  snapshot(index: number, content: string): void {
    this.#snapshots.set(index, content);
  }

  compact(index: number, keepFrom: number): () => void {
    this.#keepFrom = Math.max(this.#keepFrom, Math.min(keepFrom, index + 1));
    return () => {
      this.#neededSnapshot = Math.max(this.#neededSnapshot, index);
    };
  }

  install(index: number, hardState: HardState): () => void {
    this.#push({ entries: new Map(), lastIndex: index, base: index, hardState });
    const acknowledge = this.#acknowledger(hardState.commit);
    return () => {
      acknowledge();
      this.#neededSnapshot = Math.max(this.#neededSnapshot, index);
    };
  }

  /** What recovery gave back is what is known from now on. @returns why it cannot be, or undefined */
  recovered(state: StoredState, snapshotContent: string | undefined): string | undefined {
    const reasons: string[] = [];
    for (let at = this.#points.length - 1; at >= this.#acknowledged; at--) {
      const point = this.#points[at]!;
      const reason = this.#differs(point, state);
      if (reason === undefined) {
        if (state.snapshot.index > 0 && snapshotContent !== this.#snapshots.get(state.snapshot.index)) {
          return `snapshot ${state.snapshot.index} holds ${snapshotContent}`;
        }
        this.#continueFrom(point, state);
        return undefined;
      }
      reasons.push(`${at}: ${reason}`);
    }
    return `recovery gave back nothing that was asked for:\n${reasons.join("\n")}`;
  }

  #differs(point: Point, { entries, hardState, identity, snapshot }: StoredState): string | undefined {
    const lastIndex = entries.at(-1)?.Index ?? snapshot.index;
    if (lastIndex !== point.lastIndex) return `last index ${lastIndex}, not ${point.lastIndex}`;
    for (const [at, text] of shown(entries).entries()) {
      const expected = point.entries.get(entries[at]!.Index);
      if (text !== expected) return `${text}, not ${expected}`;
    }
    const first = entries[0]?.Index ?? lastIndex + 1;
    if (first > Math.max(this.#keepFrom, point.base + 1)) return `the first entry is ${first}`;
    if (first > snapshot.index + 1) return `a gap between snapshot ${snapshot.index} and ${first}`;
    if (hardState.term !== point.hardState.term || hardState.vote !== point.hardState.vote) {
      return `term ${hardState.term} and vote ${hardState.vote}, not ${point.hardState.term} and ${point.hardState.vote}`;
    }
    const mostCommit = Math.max(point.hardState.commit, snapshot.index);
    if (hardState.commit < this.#safeCommit || hardState.commit > mostCommit) return `commit ${hardState.commit}`;
    const text = identity && Buffer.from(identity).toString();
    if (text !== point.identity) return `identity ${text}, not ${point.identity}`;
    if (snapshot.index < Math.max(this.#neededSnapshot, point.base)) return `snapshot ${snapshot.index}`;
    return undefined;
  }

  #continueFrom(point: Point, { hardState, snapshot }: StoredState): void {
    this.#points.splice(0, this.#points.length, { ...point, hardState });
    this.#acknowledged = 0;
    this.#safeCommit = hardState.commit;
    this.#neededSnapshot = snapshot.index;
  }

  #push(change: Partial<Point>): void {
    this.#points.push({ ...this.#last, ...change });
  }

  #acknowledger(commit: number): () => void {
    const at = this.#points.length - 1;
    return () => {
      this.#acknowledged = Math.max(this.#acknowledged, at);
      this.#safeCommit = Math.max(this.#safeCommit, commit);
    };
  }
}
