/** When each other member was last heard of, in ticks. */
import type { MemberId } from "../core/member-id.js";

export class Contacts {
  #now = 0;
  readonly #heardAt = new Map<MemberId, number>();

  heard(id: MemberId): void {
    this.#heardAt.set(id, this.#now);
  }

  tick(): void {
    this.#now++;
  }

  forget(id: MemberId): void {
    this.#heardAt.delete(id);
  }

  /** Heard of within so many ticks. */
  isReachable(id: MemberId, withinTicks: number): boolean {
    const at = this.#heardAt.get(id);
    return at !== undefined && this.#now - at <= withinTicks;
  }
}

/** Whether those of the voters that can be reached are a majority of them. */
export function haveQuorum(voters: readonly MemberId[], isReachable: (id: MemberId) => boolean): boolean {
  return voters.length > 0 && voters.filter(isReachable).length > Math.floor(voters.length / 2);
}
