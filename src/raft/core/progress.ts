import type { Inflights } from "./inflights.js";
import type { MemberId } from "./member-id.js";

/**
 * What a leader knows of one member. Probe: one message at a time until it is known where the logs part. Replicate: `next` runs
 * ahead of the answers. Snapshot: nothing goes out until the snapshot has arrived or failed.
 */
export class Progress {
  /** The log is known to agree up to here, durably. Always less than next. */
  match = 0;
  /** The greatest commit index that was sent, or that the follower learns from what was sent. */
  sentCommit = 0;
  state: "probe" | "replicate" | "snapshot" = "probe";
  pendingSnapshot = 0;
  /** Nothing is sent until an answer to an append or to a heartbeat comes. */
  flowPaused = false;
  /** The newest round of reads that this member has confirmed. */
  readRound = 0;

  constructor(
    readonly id: MemberId,
    public next: number,
    public isLearner: boolean,
    /** Heard of since the last look at the quorum. */
    public recentlyActive: boolean,
    readonly inflights: Inflights,
  ) {}

  get paused(): boolean {
    return this.state === "snapshot" || this.flowPaused;
  }

  becomeProbe(): void {
    // After a snapshot that arrived the answer to it may still be on its way: the probe begins behind the snapshot.
    const after = this.state === "snapshot" ? this.pendingSnapshot : 0;
    this.#enter("probe");
    this.next = Math.max(this.match, after) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter("snapshot");
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** A MsgApp goes out. Not in state snapshot. */
  sent(entries: number, bytes: number, commit: number): void {
    if (this.state === "replicate") {
      if (entries > 0) {
        this.next += entries;
        this.inflights.add(this.next - 1, bytes);
      }
      this.flowPaused = this.inflights.full;
    } else if (entries > 0) {
      this.flowPaused = true;
    }
    this.sentCommit = commit;
  }

  /** Whether an append without entries would tell the follower of commits that it does not know yet. */
  canLearnCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The follower has everything up to an index. @returns whether that is news */
  matched(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * The follower refused an append that began behind `rejected`.
   *
   * @param hint where to try next
   * @returns false when that answer is old, or answers a message that is not the last probe
   */
  refused(rejected: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
    } else {
      if (this.next - 1 !== rejected) return false;
      this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
      this.flowPaused = false;
    }
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    return true;
  }

  #enter(state: Progress["state"]): void {
    this.state = state;
    this.pendingSnapshot = 0;
    this.flowPaused = false;
    this.inflights.clear();
  }
}
