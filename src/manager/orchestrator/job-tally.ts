/** How far a replicated job is: how many slots are in which phase, kept slot by slot. */
import type { JobSize } from "./job.js";
import type { Slot } from "./slot.js";

export type JobPhase =
  /** Has not begun in this iteration. */
  | "open"
  | "running"
  | "complete"
  /** Will not be tried again. */
  | "failed";

export class JobTally {
  readonly #phases = new Map<Slot, JobPhase>();
  readonly #counts: Record<JobPhase, number> = { open: 0, running: 0, complete: 0, failed: 0 };
  /** No number below has yet to begin. */
  #lowestOpen = 1;

  see(slot: Slot, phase: JobPhase): void {
    const before = this.#phases.get(slot);
    if (before !== undefined) this.#counts[before]--;
    if (phase === "open") {
      this.#phases.delete(slot);
      this.#lowestOpen = Math.min(this.#lowestOpen, Math.max(slot.number, 1));
    } else {
      this.#phases.set(slot, phase);
      this.#counts[phase]++;
    }
  }

  forget(slot: Slot): void {
    this.see(slot, "open");
  }

  clear(): void {
    this.#phases.clear();
    for (const phase of ["running", "complete", "failed"] as const) this.#counts[phase] = 0;
    this.#lowestOpen = 1;
  }

  /** The lowest numbers that have yet to begin. @param highest that there is @param count at most so many */
  lowestOpen(slotOf: (number: number) => Slot | undefined, highest: number, count: number): readonly number[] {
    const found: number[] = [];
    for (let number = this.#lowestOpen; number <= highest && found.length < count; number++) {
      const slot = slotOf(number);
      if (!slot || !this.#phases.has(slot)) found.push(number);
      else if (found.length === 0) this.#lowestOpen = number + 1;
    }
    return found;
  }

  /** How many slots are to begin now. Values that were lowered meanwhile stop nothing that runs. */
  missing({ completions, concurrent }: JobSize): number {
    const { running, complete, failed } = this.#counts;
    return Math.max(0, Math.min(concurrent - running, completions - complete - failed - running));
  }
}
