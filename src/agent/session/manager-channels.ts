/** Connections to managers: one for each manager, shared by all that is spoken with it. */
import { Channel, type ChannelCredentials } from "@grpc/grpc-js";
import { CHANNEL_OPTIONS } from "../../api/transport-options.js";
import { grpcTarget } from "../../security/transport.js";
import { DISPATCHER_CHANNEL_OPTIONS } from "./dispatcher-transport.js";

/** A use of a connection. */
export interface ManagerConnection {
  readonly address: string;
  readonly channel: Channel;
  /**
   * Once, when nothing is under way any more.
   * @param dead nothing was heard on it: the next use begins with a new connection
   */
  release(dead?: boolean): void;
}

interface Shared {
  readonly channel: Channel;
  uses: number;
  /** Closes it when nobody has used it for a while. */
  linger: NodeJS.Timeout | undefined;
}

/** Tries follow each other while a leader is elected: not each of them shall begin with a handshake. */
const LINGER_MS = 15_000;

const OPTIONS = {
  ...CHANNEL_OPTIONS,
  ...DISPATCHER_CHANNEL_OPTIONS,
  // A channel that is closed takes its connection with it: a dead one is not found again.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.max_reconnect_backoff_ms": 1000,
  // A manager that stands still, or is cut off, is left after the sum of both.
  "grpc.keepalive_time_ms": 5000,
  "grpc.keepalive_timeout_ms": 5000,
};

export class ManagerChannels {
  readonly #shared = new Map<string, Shared>();
  readonly #credentials: ChannelCredentials;

  /** @param credentials prove who this node is, and want the same of managers */
  constructor(credentials: ChannelCredentials) {
    this.#credentials = credentials;
  }

  /** @param address "HOST:PORT" */
  connect(address: string): ManagerConnection {
    const shared = this.#shared.get(address) ?? this.#open(address);
    clearTimeout(shared.linger);
    shared.uses++;
    return {
      address,
      channel: shared.channel,
      release: (dead = false) => {
        shared.uses--;
        if (dead) this.#forget(address, shared);
        if (shared.uses > 0) return;
        if (this.#shared.get(address) === shared)
          shared.linger = setTimeout(() => this.#close(address, shared), LINGER_MS).unref();
        else shared.channel.close();
      },
    };
  }

  /** Who comes from now on gets a new connection: this node is another to the managers than it was. */
  renew(): void {
    this.close();
  }

  /** Closes what nobody uses; the rest as soon as it is released. */
  close(): void {
    for (const [address, shared] of [...this.#shared]) {
      if (shared.uses === 0) this.#close(address, shared);
      else this.#forget(address, shared);
    }
  }

  #open(address: string): Shared {
    const channel = new Channel(grpcTarget(address), this.#credentials, OPTIONS);
    const shared: Shared = { channel, uses: 0, linger: undefined };
    this.#shared.set(address, shared);
    return shared;
  }

  #close(address: string, shared: Shared): void {
    clearTimeout(shared.linger);
    this.#forget(address, shared);
    shared.channel.close();
  }

  #forget(address: string, shared: Shared): void {
    if (this.#shared.get(address) === shared) this.#shared.delete(address);
  }
}
