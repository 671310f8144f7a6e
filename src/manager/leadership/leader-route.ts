/** The way to the manager that leads, when it is another one. */
import type { Client } from "@grpc/grpc-js";
import type { ProxyTarget } from "../../api/proxy/call-proxy.js";
import { NOBODY } from "../../raft/core/member-id.js";
import type { Raft } from "../../raft/node/raft.js";

interface Way {
  readonly address: string;
  readonly client: Client;
}

export class LeaderRoute {
  readonly #raft: Raft<unknown>;
  readonly #channelTo: (address: string) => Client;
  #way: Way | undefined;

  /** @param channelTo opens a channel to the manager at an address, on which this one vouches for what it passes on */
  constructor(raft: Raft<unknown>, channelTo: (address: string) => Client) {
    this.#raft = raft;
    this.#channelTo = channelTo;
  }

  /** @returns undefined while nobody leads, or this manager does */
  target(): ProxyTarget | undefined {
    const { leader } = this.#raft.leadership;
    if (leader === NOBODY || leader === this.#raft.id) return undefined;
    const address = this.#raft.members().find(({ raftId }) => raftId === leader)?.address;
    return address ? { client: this.#clientTo(address) } : undefined;
  }

  close(): void {
    this.#way?.client.close();
    this.#way = undefined;
  }

  /** Calls under way on an older channel go on until they end. */
  #clientTo(address: string): Client {
    if (this.#way?.address !== address) {
      this.#way?.client.close();
      this.#way = { address, client: this.#channelTo(address) };
    }
    return this.#way.client;
  }
}
