/** Where the other members are: as the log says, unless they have said otherwise since. */
import type { RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { MemberId } from "../core/member-id.js";
import type { Transport } from "../transport/transport.js";

export class PeerBook {
  readonly #self: MemberId;
  readonly #transport: Transport;
  readonly #learned = new Map<MemberId, string>();
  readonly #present = new Map<MemberId, string>();

  constructor(self: { readonly id: MemberId; readonly address: string }, transport: Transport) {
    this.#self = self.id;
    this.#transport = transport;
    this.#learned.set(self.id, self.address);
  }

  /** What a member has said of itself in its life or this one's; of this one, where it is. */
  learnedAddress(id: MemberId): string | undefined {
    return this.#learned.get(id);
  }

  /** The log, or whoever took this member in, names a member. */
  told({ raftId, addr }: RaftMember): void {
    this.#set(raftId, this.#learned.get(raftId) ?? addr);
  }

  /** A member says where it is. */
  heard(id: MemberId, address: string): void {
    if (this.#learned.get(id) === address) return;
    this.#learned.set(id, address);
    this.#set(id, address);
  }

  removed(id: MemberId): void {
    this.#learned.delete(id);
    if (this.#present.delete(id)) this.#transport.removePeer(id);
  }

  /** Those who are not among these are members no more. */
  only(members: readonly RaftMember[]): void {
    const ids = new Set(members.map(({ raftId }) => raftId));
    for (const id of [...this.#present.keys()]) if (!ids.has(id)) this.removed(id);
    for (const member of members) this.told(member);
  }

  #set(id: MemberId, address: string): void {
    if (id === this.#self || address === "" || this.#present.get(id) === address) return;
    this.#present.set(id, address);
    this.#transport.setPeer(id, address);
  }
}
