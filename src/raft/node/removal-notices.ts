/** Peers say that this member was removed. One may be wrong, or of another cluster; the leader, or most of them, are believed. */
import type { MemberId } from "../core/member-id.js";

export class RemovalNotices {
  readonly #from = new Set<MemberId>();

  /** It talks to this member as to any other. */
  heard(from: MemberId): void {
    if (this.#from.size > 0) this.#from.delete(from);
  }

  /** @param from who says so; undefined when the transport cannot tell @returns whether to believe it */
  told(from: MemberId | undefined, leader: MemberId, peers: readonly MemberId[]): boolean {
    if (from === undefined || from === leader) return true;
    this.#from.add(from);
    return peers.filter((id) => this.#from.has(id)).length > Math.floor(peers.length / 2);
  }
}
