/** Messages to other members over gRPC. The other direction, what others send here, is in ./raft-services.ts. */
import type { ChannelCredentials } from "@grpc/grpc-js";
import { type Message, MessageType } from "../../api/generated/raftpb/raft.js";
import type { MemberId } from "../core/member-id.js";
import { systemClock } from "../node/clock.js";
import { batchHead } from "./batch-writer.js";
import { DEFAULT_LIMITS, type TransportClock, type TransportLimits } from "./limits.js";
import { Peer, type PeerSettings } from "./peer.js";
import { SnapshotCourier } from "./snapshot-courier.js";
import type { PeerStatus, Transport, TransportFactory, TransportHandler } from "./transport.js";

export interface GrpcTransportOptions {
  /** Asked for each connection; what they show says which node calls. */
  readonly credentials: () => ChannelCredentials;
  readonly log: (line: string) => void;
  readonly limits?: Partial<TransportLimits>;
  readonly clock?: TransportClock;
  /** In [0, 1). */
  readonly random?: () => number;
}

export function grpcTransport(
  options: GrpcTransportOptions,
): TransportFactory &
  ((self: { readonly id: MemberId; readonly address: string }, handler: TransportHandler) => GrpcTransport) {
  return (self, handler) => new GrpcTransport(self, handler, options);
}

export class GrpcTransport implements Transport {
  readonly #self: MemberId;
  readonly #handler: TransportHandler;
  readonly #settings: PeerSettings;
  readonly #courier: SnapshotCourier;
  readonly #peers = new Map<MemberId, Peer>();
  /** Those that send their last. */
  readonly #retiring = new Set<Peer>();
  #whenAllGone: (() => void) | undefined;
  #isStopped = false;

  constructor(
    self: { readonly id: MemberId; readonly address: string },
    handler: TransportHandler,
    options: GrpcTransportOptions,
  ) {
    const { credentials, log, limits, clock = systemClock, random = Math.random } = options;
    this.#self = self.id;
    this.#handler = handler;
    this.#settings = {
      credentials,
      head: batchHead(self.id, self.address),
      limits: { ...DEFAULT_LIMITS, ...limits },
      clock,
      random,
      log,
    };
    const events = {
      openSnapshot: () => handler.openSnapshot(),
      snapshotSent: (id: MemberId, delivered: boolean) => this.#later(() => handler.snapshotSent(id, delivered)),
      removedByPeers: (by?: MemberId) => this.#later(() => handler.removedByPeers(by)),
    };
    this.#courier = new SnapshotCourier(this.#settings, events, (id) => {
      const peer = this.#peers.get(id);
      return peer && { address: peer.address, isSwarmKit: peer.protocol === "rpc" };
    });
  }

  send(messages: readonly Message[]): void {
    const touched: Peer[] = [];
    for (const message of messages) {
      const peer = this.#peers.get(message.to);
      if (!peer) continue;
      if (message.type === MessageType.MsgSnap) {
        this.#courier.send(message);
        continue;
      }
      peer.push(message);
      // Few peers: a search is cheaper than a set.
      if (!touched.includes(peer)) touched.push(peer);
    }
    for (const peer of touched) peer.flush();
  }

  setPeer(id: MemberId, address: string): void {
    if (this.#isStopped || id === this.#self) return;
    const known = this.#peers.get(id);
    if (known) {
      if (known.address !== address) this.#courier.cancel(id);
      known.move(address);
      return;
    }
    const peer = new Peer(id, address, this.#settings, {
      unreachable: () => this.#later(() => this.#handler.unreachable(id)),
      removedByPeer: () => this.#later(() => this.#handler.removedByPeers(id)),
      gone: () => this.#gone(peer),
    });
    this.#peers.set(id, peer);
    peer.connect();
  }

  removePeer(id: MemberId): void {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#courier.cancel(id);
    this.#peers.delete(id);
    this.#retiring.add(peer);
    peer.retire();
  }

  /** This peer is alive: it has just called. Dials at once where a try was to come later. */
  nudge(id: MemberId): void {
    this.#peers.get(id)?.nudge();
  }

  peers(): readonly PeerStatus[] {
    return [...this.#peers.values()].map((peer) => peer.status);
  }

  /** Lets what is queued go out for a short while. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#courier.stop();
    for (const id of [...this.#peers.keys()]) this.removePeer(id);
    if (this.#retiring.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenAllGone = resolve;
    });
  }

  /** The handler may call the transport, and the transport the handler: never one from within the other. */
  #later(action: () => void): void {
    queueMicrotask(() => {
      if (!this.#isStopped) action();
    });
  }

  #gone(peer: Peer): void {
    this.#retiring.delete(peer);
    if (this.#retiring.size === 0) this.#whenAllGone?.();
  }
}
